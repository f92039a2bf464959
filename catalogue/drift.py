"""Reference rows become bin edges and counts, and are forgotten.

Edges are values that some row had (the deciles, or each whole number where there are few), so that
a tensor of the model's own type compares with them exactly.
"""

import csv
import hashlib
import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final, NoReturn

import numpy as np
from numpy.typing import NDArray

from catalogue.errors import BuildError, ModelRefusedError
from catalogue.gate import answers_to
from catalogue.watching import DriftPolicy
from falaj.contract import MODEL_FILE
from falaj.domain.manifest import Manifest
from falaj.domain.tensors import DYNAMIC, Datatype, TensorSpec
from falaj.drift.comparison import rows_needed
from falaj.drift.reference import MOST_FEATURES, Feature, Reference, Rules, Side
from falaj.errors import ConfigurationError

BINNING: Final = 1
"""Raised when bins are drawn in another way; references are then made anew."""
BINS: Final = 10
MOST_CATEGORIES: Final = 10
NAMES: Final = ".names"
"""Behind a tensor's name: the array of its features' names, in an .npz."""

Array = NDArray[Any]
Run = Callable[[Mapping[str, Array]], Mapping[str, Array]]


class ReferenceRows:
    """The rows of one reference file.

    Args:
        path: The file.
        refuse: Raises with a sentence that says what to change.
    """

    def __init__(self, path: Path, refuse: Callable[[str], NoReturn]) -> None:
        self._path, self._refuse = path, refuse

    def read(self, inputs: tuple[TensorSpec, ...]) -> tuple[dict[str, Array], dict[str, list[str]]]:
        """Return every input's rows, and features' names by tensor."""
        try:
            read = self._npz if self._path.suffix == ".npz" else self._csv
            tensors, names = read(inputs)
        except (OSError, ValueError, EOFError) as error:
            self._refuse(f"not readable: {error}")
        for spec in inputs:
            if spec.name not in tensors:
                self._refuse(f"it has no rows of the input {spec.name!r}")
            tensors[spec.name] = self._shaped(tensors[spec.name], spec)
        sizes = {name: len(tensor) for name, tensor in tensors.items()}
        if len(set(sizes.values())) > 1:
            self._refuse(f"its inputs have different numbers of rows: {sizes}")
        return tensors, names

    def _npz(self, inputs: tuple[TensorSpec, ...]) -> tuple[dict[str, Array], dict[str, list[str]]]:
        with np.load(self._path, allow_pickle=False) as file:
            found = {name: file[name] for name in file.files}
        tensors = {spec.name: found[spec.name] for spec in inputs if spec.name in found}
        names = {
            name: [str(each) for each in found[name + NAMES].ravel()]
            for name in tensors
            if name + NAMES in found
        }
        return tensors, names

    def _csv(self, inputs: tuple[TensorSpec, ...]) -> tuple[dict[str, Array], dict[str, list[str]]]:
        with self._path.open(encoding="utf-8-sig", newline="") as file:
            header, *lines = csv.reader(file)
        widths = {spec.name: _width(spec) for spec in inputs}
        unknown = [name for name, width in widths.items() if width is None]
        if unknown:
            self._refuse(f"a .csv holds numbers, and {unknown[0]!r} is none of fixed size; use npz")
        needed = sum(width or 0 for width in widths.values())
        if len(header) != needed or any(len(line) != needed for line in lines):
            self._refuse(f"it needs {needed} columns in every line, in the order of the inputs")
        values = [[float(cell) if cell.strip() else np.nan for cell in line] for line in lines]
        table = np.array(values, dtype=np.float64).reshape(-1, needed)
        tensors, names, at = {}, {}, 0
        for name, width in widths.items():
            end = at + (width or 0)
            tensors[name], names[name], at = table[:, at:end], header[at:end], end
        return tensors, names

    def _shaped(self, tensor: Array, spec: TensorSpec) -> Array:
        rest = spec.shape[1:]
        if not spec.shape or spec.shape[0] not in {DYNAMIC, 1}:
            self._refuse(f"the input {spec.name!r} has no axis of rows")
        if spec.datatype is Datatype.BYTES:
            return tensor.astype(object)
        cast = np.float64(tensor) if tensor.dtype.kind == "f" else tensor
        wanted = np.dtype(spec.datatype.numpy_name)
        if wanted.kind != "f" and tensor.dtype.kind == "f" and not np.isfinite(cast).all():
            self._refuse(
                f"the input {spec.name!r} is {spec.datatype}, and some of its rows lack it"
            )
        if wanted.kind != "f" and tensor.dtype.kind == "f" and (cast != np.trunc(cast)).any():
            self._refuse(f"the input {spec.name!r} is {spec.datatype}, and not all rows are whole")
        shape = (len(tensor), *rest)
        if DYNAMIC in rest:
            return tensor.astype(wanted)
        if tensor.size != int(np.prod(shape)):
            self._refuse(f"rows of {spec.name!r} have shape {tensor.shape[1:]}, not {rest}")
        return tensor.astype(wanted).reshape(shape)


def registered(manifest: Manifest, policy: DriftPolicy, *, folder: Path, run: Run) -> Reference:
    """Count the reference rows of a version, and its answers to them.

    Args:
        manifest: The version.
        policy: What model.yaml says.
        folder: Holds the reference.
        run: Answers rows.

    Raises:
        BuildError: The reference does not fit the model, or is too small.
    """

    def refuse(reason: str) -> NoReturn:
        raise BuildError(
            name=manifest.name,
            version=manifest.version,
            reason=f"drift.reference {policy.reference}: {reason}",
        )

    signature = manifest.signature
    unknown = set(policy.tensors) - {spec.name for spec in (*signature.inputs, *signature.outputs)}
    if unknown:
        refuse(f"drift.tensors names {', '.join(sorted(unknown))}, which the model does not have")
    tensors, names = ReferenceRows(folder / policy.reference, refuse).read(signature.inputs)
    number = len(next(iter(tensors.values()), ()))
    needed = rows_needed(bins=BINS, delta=policy.delta)
    if number < needed:
        refuse(f"{number} rows; a delta of {policy.delta:g} needs {needed} at least")
    outputs = run(tensors)
    features = [
        each
        for side, specs, rows in (
            (Side.INPUT, signature.inputs, tensors),
            (Side.OUTPUT, signature.outputs, outputs),
        )
        for spec in specs
        if spec.name in policy.tensors or not policy.tensors
        for each in _features(side, spec, rows.get(spec.name), names.get(spec.name, []))
    ]
    _check_watched(features, policy, refuse)
    rules = Rules(
        window_s=int(policy.window.total_seconds()),
        delta=policy.delta,
        false_alarm=policy.false_alarm,
    )
    return Reference(
        model=manifest.name, version=manifest.version, rules=rules, features=tuple(features)
    )


def _check_watched(
    features: list[Feature], policy: DriftPolicy, refuse: Callable[[str], NoReturn]
) -> None:
    for tensor in policy.tensors:
        if not any(each.tensor == tensor for each in features):
            refuse(f"{tensor!r} is not of a fixed number of numbers a row, at most {MOST_FEATURES}")
    if not 0 < len(features) <= MOST_FEATURES:
        refuse(
            f"{len(features)} numbers a row are to be watched, not 1 to {MOST_FEATURES}; "
            "set drift.tensors"
        )
    if len({each.name for each in features}) < len(features):
        refuse("two features have the same name; name each once")


def _features(
    side: Side, spec: TensorSpec, rows: Array | None, names: list[str]
) -> Iterator[Feature]:
    width = _width(spec)
    if rows is None or width is None or width > MOST_FEATURES or rows.size != len(rows) * width:
        return
    flat = rows.reshape(len(rows), width)
    for column in range(width):
        plain = spec.name if width == 1 else f"{spec.name}[{column}]"
        yield _feature(
            names[column] if len(names) == width else plain,
            side,
            spec.name,
            column,
            flat[:, column],
        )


def _feature(name: str, side: Side, tensor: str, column: int, values: Array) -> Feature:
    kind = values.dtype.kind
    known = values.astype(np.float64)
    known = known[np.isfinite(known)]
    whole = np.unique(known)
    is_category = kind in "biu" and len(whole) <= MOST_CATEGORIES
    if is_category:
        edges = np.unique(np.concatenate([whole, whole + 1]))
    elif len(known):
        shares = np.arange(1, BINS) / BINS
        edges = np.unique(np.quantile(known, shares, method="inverted_cdf"))
    else:
        edges = np.array([])
    as_numbers = values.astype(np.float64)
    present = as_numbers[~np.isnan(as_numbers)]
    bins = np.searchsorted(edges, present, side="right")
    counts = np.bincount(bins, minlength=len(edges) + 1).tolist()
    return Feature(
        name=name,
        side=side,
        tensor=tensor,
        column=column,
        is_category=is_category,
        edges=tuple(edges.tolist()),
        counts=(*counts, len(values) - len(present)),
    )


def _width(spec: TensorSpec) -> int | None:
    """Return how many numbers a row has; None where that is open, or they are no numbers."""
    if spec.datatype is Datatype.BYTES or not spec.shape or DYNAMIC in spec.shape[1:]:
        return None
    return int(np.prod(spec.shape[1:], dtype=np.int64))


def drift_reference(manifest: Manifest, data: bytes, policy: DriftPolicy, folder: Path) -> bytes:
    """Return the `drift.json` of a version that the gate has let in.

    Args:
        manifest: What the gate found.
        data: The version's bytes.
        policy: What model.yaml says.
        folder: Holds model.yaml and the reference.

    Raises:
        BuildError: The reference does not fit the model, or is too small.
        ModelRefusedError: The model does not take its reference rows.
    """

    def run(rows: Mapping[str, Array]) -> Mapping[str, Array]:
        with TemporaryDirectory(prefix="falaj-build-") as scratch:
            path = Path(scratch) / MODEL_FILE
            path.write_bytes(data)
            is_joined = manifest.signature.batching.batch_axis == 0
            try:
                return answers_to(path, rows, is_joined=is_joined)
            except ModelRefusedError as error:
                source = f"model {manifest.name!r} version {manifest.version}"
                raise ModelRefusedError(
                    source=source, reasons=[r.removeprefix(f"{path}: ") for r in error.reasons]
                ) from error

    reference = registered(manifest, policy, folder=folder, run=run)
    return (json.dumps(reference.to_dict(), ensure_ascii=False, sort_keys=True) + "\n").encode()


def drift_recipe(policy: DriftPolicy, folder: Path) -> str:
    """Digest what a reference depends on."""
    try:
        rows = (folder / policy.reference).read_bytes()
    except OSError as error:
        raise ConfigurationError([f"{folder / policy.reference}: {error.strerror}"]) from error
    return f"{BINNING} {policy!r} {hashlib.sha256(rows).hexdigest()}"
