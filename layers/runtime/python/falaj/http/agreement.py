"""Whether two answers to one request say the same, within what arithmetic may differ by.

Whole numbers, truth values and texts are the same or not. Floating point is compared within a
tolerance that its precision sets: another processor, thread count or runtime adds in another order.
"""

from collections.abc import Mapping
from math import prod
from typing import Any, Final, NamedTuple

import numpy as np
import orjson

from falaj.contract import HEADER_BINARY_LENGTH
from falaj.domain.tensors import Datatype, TensorSpec
from falaj.engines.engine import Tensor
from falaj.errors import RequestError
from falaj.http.binary_tensors import tensor_from_binary
from falaj.http.compression import inflated

TOLERANCES: Final[Mapping[Datatype, tuple[float, float]]] = {
    Datatype.FP16: (1e-2, 1e-3),
    Datatype.FP32: (1e-3, 1e-5),
    Datatype.FP64: (1e-6, 1e-9),
}
"""By element type of the signature: relative to the first answer, and absolute.

Half a unit in the last place is 5e-4, 6e-8 and 1e-16 of a number; deep networks multiply it by some
thousands, less at half precision, whose sums are kept in single.
"""
_OK: Final = 200
_SERVER_ERROR: Final = 500
_LARGEST_BODY: Final = 64 * 1024 * 1024


class Answer(NamedTuple):
    """An answer as its caller got it; header names in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class _Output(NamedTuple):
    datatype: Datatype
    shape: tuple[int, ...]
    values: Tensor


def difference(known: Answer, other: Answer) -> str | None:
    """Say how an answer differs from a known one, without any value of either.

    Returns:
        A sentence; empty when they agree; None when there is nothing to compare because one of
        them is a failure.

    Example:
        >>> text = b'{"outputs":[{"name":"y","datatype":"FP32","shape":[2],"data":[1.0,%s]}]}'
        >>> known = Answer(200, {}, text % b"2.0")
        >>> difference(known, Answer(200, {}, text % b"2.0004"))
        ''
        >>> difference(known, Answer(200, {}, text % b"2.5"))
        "output 'y' differs in 1 of 2 values"
        >>> difference(known, Answer(503, {}, b"")) is None
        True
    """
    if max(known.status, other.status) >= _SERVER_ERROR:
        return None
    if known.status != other.status:
        return f"status {other.status}, not {known.status}"
    if known.status != _OK:
        return ""
    expected, got = _outputs(known), _outputs(other)
    if expected is None:
        return ""  # no inference: what a model says of itself names its version
    if got is None:
        return "the answer cannot be read"
    if expected.keys() != got.keys():
        return f"outputs {', '.join(sorted(got))}, not {', '.join(sorted(expected))}"
    faults = (_fault(name, expected[name], got[name]) for name in expected)
    return next((fault for fault in faults if fault), "")


def _fault(name: str, expected: _Output, got: _Output) -> str:
    if expected.datatype is not got.datatype:
        return f"output {name!r} is {got.datatype}, not {expected.datatype}"
    if expected.shape != got.shape:
        return f"output {name!r} has shape {list(got.shape)}, not {list(expected.shape)}"
    if tolerance := TOLERANCES.get(expected.datatype):
        relative, absolute = tolerance
        first = expected.values.astype(np.float64)
        second = got.values.astype(np.float64)
        same = np.abs(second - first) <= absolute + relative * np.abs(first)
    else:
        same = expected.values == got.values
    count = int(same.size - np.count_nonzero(same))
    return f"output {name!r} differs in {count} of {same.size} values" if count else ""


def _outputs(answer: Answer) -> dict[str, _Output] | None:
    """Read an inference response; None when it is none."""
    try:
        body = inflated(
            answer.body, answer.headers.get("content-encoding", ""), limit=_LARGEST_BODY
        )
        length = int(answer.headers.get(HEADER_BINARY_LENGTH, len(body)))
        declared = orjson.loads(body[:length])["outputs"]
        binary = memoryview(body)[length:]
        outputs = {}
        for item in declared:
            outputs[item["name"]], binary = _output(item, binary)
    except (KeyError, TypeError, ValueError, RequestError):
        return None
    return outputs


def _output(item: Mapping[str, Any], binary: memoryview) -> tuple[_Output, memoryview]:
    datatype, shape = Datatype(item["datatype"]), tuple(item["shape"])
    size = item.get("parameters", {}).get("binary_data_size")
    if size is None:
        kind = object if datatype is Datatype.BYTES else datatype.numpy_name
        values = np.array(item["data"], dtype=kind).ravel()
        return _Output(datatype, shape, values), binary
    spec = TensorSpec(name=item["name"], datatype=datatype, shape=shape)
    values = tensor_from_binary(spec, shape, prod(shape), binary[:size]).ravel()
    return _Output(datatype, shape, values), binary[size:]
