"""From what a person types to an Open Inference Protocol request."""

import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from cli.failures import MisuseError
from falaj.domain.signature import ModelSignature
from falaj.domain.tensors import DYNAMIC, TensorSpec


def read_json(source: str) -> Any:  # noqa: ANN401 - it is whatever the reader wrote
    """Read JSON from a file, or from standard input when the source is `-`.

    Raises:
        MisuseError: The file cannot be read or is not JSON.
    """
    try:
        text = sys.stdin.read() if source == "-" else Path(source).read_text(encoding="utf-8")
        return json.loads(text)
    except OSError as error:
        raise MisuseError(f"cannot read {source}: {error.strerror}") from error
    except ValueError as error:
        raise MisuseError(f"{source} is not JSON: {error}") from error


def request_from(signature: ModelSignature, inputs: Sequence[str]) -> dict[str, Any]:
    """Build a request from `name=JSON` and `name=@file` words.

    A model with one input needs no name. Shapes come from the nesting; where the model declares one
    more axis, an open first one, the value is taken for one row of a batch.

    Raises:
        MisuseError: A word is not understood, or names no input of the model.
    """
    given = dict(_named(word, signature) for word in inputs)
    specs = {spec.name: spec for spec in signature.inputs}
    unknown = sorted(given.keys() - specs.keys())
    if unknown:
        raise MisuseError(
            f"the model has no input {unknown[0]!r}", mend=f"it takes {', '.join(specs)}"
        )
    return {"inputs": [_tensor(specs[name], value) for name, value in given.items()]}


def _named(word: str, signature: ModelSignature) -> tuple[str, Any]:
    names = [spec.name for spec in signature.inputs]
    name, separator, text = word.partition("=")
    if not separator or name not in names:
        if len(names) == 1 and not (separator and name.isidentifier()):
            name, text = names[0], word
        elif not separator:
            raise MisuseError(f"--input {word!r} has no name", mend=f"write {names[0]}={word}")
    if text.startswith("@"):
        return name, read_json(text.removeprefix("@"))
    try:
        return name, json.loads(text)
    except ValueError as error:
        raise MisuseError(
            f"--input {name}: {text!r} is not JSON ({error})",
            mend="text needs quotes of its own: name='\"text\"'",
        ) from error


def _tensor(spec: TensorSpec, value: object) -> dict[str, Any]:
    shape = nesting(value)
    if len(shape) + 1 == len(spec.shape) and spec.shape[0] in {DYNAMIC, 1}:
        shape, value = (1, *shape), [value]
    return {"name": spec.name, "datatype": spec.datatype.value, "shape": list(shape), "data": value}


def nesting(value: object) -> tuple[int, ...]:
    """Return the shape of nested lists, judged by their first elements.

    Example:
        >>> nesting([[1, 2, 3], [4, 5, 6]])
        (2, 3)
        >>> nesting(1.5)
        ()
    """
    if not isinstance(value, list):
        return ()
    return (len(value), *nesting(value[0])) if value else (0,)


def differences(expected: Mapping[str, Any], answer: Mapping[str, Any]) -> list[str]:
    """Return the names of expected outputs that an answer lacks or gives otherwise.

    Args:
        expected: A golden case: `expect.outputs` with `data`, and `atol`, `rtol`.
        answer: The service's answer.
    """
    got = {output["name"]: output for output in answer.get("outputs", ())}
    close = (float(expected.get("atol") or 0), float(expected.get("rtol") or 0))
    return [
        wanted["name"]
        for wanted in expected["expect"]["outputs"]
        if wanted["name"] not in got
        or not _agree(flat(wanted["data"]), flat(got[wanted["name"]]["data"]), close)
    ]


def flat(value: object) -> list[Any]:
    """Return the elements of nested lists in row-major order."""
    if not isinstance(value, list):
        return [value]
    return [leaf for part in value for leaf in flat(part)]


def _agree(expected: Sequence[Any], actual: Sequence[Any], close: tuple[float, float]) -> bool:
    atol, rtol = close
    return len(expected) == len(actual) and all(
        abs(a - e) <= atol + rtol * abs(e)
        if isinstance(e, int | float) and isinstance(a, int | float)
        else a == e
        for e, a in zip(expected, actual, strict=True)
    )
