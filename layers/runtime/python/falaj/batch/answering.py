"""Records of a shard to answers and to what could not be answered, in the order of the records.

Rows of equal shapes share a run where the model's registration has shown that company changes no
answer; elsewhere each runs alone. What fails together is halved until the record at fault is alone.
"""

import base64
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import Any, Final, NamedTuple

import numpy as np
import orjson

from falaj.batch.lines import Line
from falaj.batch.reading import Reader
from falaj.batch.rows import Row, joined_inputs
from falaj.batching.joining import divided
from falaj.domain.tensors import Datatype
from falaj.engines.engine import Tensor
from falaj.engines.repository import ServedModel
from falaj.errors import (
    EngineError,
    FalajError,
    InvalidOutputError,
    MalformedRequestError,
    RequestError,
)
from falaj.http.encoding import is_finite

BATCH_ROWS: Final = 256
"""Most rows of one run; `benchmarks/batch.py` shows what more or fewer cost."""
_FAULTS: Final = (RequestError, InvalidOutputError, EngineError)
"""What a record may be the cause of; anything else ends the shard and is tried again."""
_NUMPY: Final = orjson.OPT_SERIALIZE_NUMPY


class Outcome(NamedTuple):
    """What became of a record.

    Attributes:
        is_answered: Whether the line belongs to the answers.
        text: The line, its break included.
    """

    is_answered: bool
    text: bytes


def outcomes(
    lines: Iterable[Line], reader: Reader, model: ServedModel, *, batch_rows: int = BATCH_ROWS
) -> Iterator[Outcome]:
    """Tell of each record what became of it, in their order.

    Args:
        lines: The records.
        reader: Understands one.
        model: What answers.
        batch_rows: Most rows of one run, where the model allows more than one.
    """
    batching = model.manifest.signature.batching
    size = batch_rows if batching.is_safe else 1
    rest = iter(lines)
    while some := list(islice(rest, batch_rows)):
        yield from _Batch(some, reader, model).outcomes(size)


class _Batch:
    """Records that are worked on together."""

    def __init__(self, lines: Sequence[Line], reader: Reader, model: ServedModel) -> None:
        self._lines, self._reader, self._model = lines, reader, model
        self._rows: dict[int, Row] = {}
        self._outcomes: dict[int, Outcome] = {}

    def outcomes(self, size: int) -> Iterator[Outcome]:
        groups: dict[object, list[int]] = {}
        for place, line in enumerate(self._lines):
            try:
                row = self._rows[place] = self._reader.row(line.text)
            except UnicodeDecodeError:
                self._quarantine(place, MalformedRequestError("the record is not UTF-8"))
                continue
            except _FAULTS as error:
                self._quarantine(place, error)
                continue
            alone = size == 1 or row.request is not None
            groups.setdefault(place if alone else row.shapes, []).append(place)
        for places in groups.values():
            self._answer(places)
        return iter([self._outcomes[place] for place in range(len(self._lines))])

    def _answer(self, places: Sequence[int]) -> None:
        try:
            written = self._run([self._rows[place] for place in places])
        except _FAULTS as error:
            if len(places) == 1:
                self._quarantine(places[0], error)
                return
            half = len(places) // 2
            self._answer(places[:half])
            self._answer(places[half:])
            return
        for place, outputs in zip(places, written, strict=True):
            try:
                self._outcomes[place] = Outcome(
                    is_answered=True, text=self._line(place, {"outputs": outputs})
                )
            except orjson.JSONEncodeError:
                if Datatype.BYTES not in self._model.check.output_types.values():
                    raise
                reason = "it holds text that is not Unicode"
                fault = InvalidOutputError(name="text", model=self._model.name, reason=reason)
                self._quarantine(place, fault)

    def _run(self, rows: Sequence[Row]) -> list[dict[str, Any]]:
        model, request = self._model, rows[0].request
        if request is not None:
            names = request.output_names
            parts = [model.engine.run(request.inputs, names)]
            return [self._written(part, names) for part in parts]
        names = model.check.output_names
        tensors = model.engine.run(joined_inputs(rows, model), names)
        axis = model.manifest.signature.batching.batch_axis
        if axis is None:
            return [self._written(tensors, names)]
        self._check_finite(tensors, names)
        try:
            shares = divided(tensors, [1] * len(rows), axis)
        except ValueError as error:
            raise InvalidOutputError(
                name=", ".join(names), model=model.name, reason=str(error)
            ) from error
        return [
            {
                name: _plain(part.take(0, axis=axis), model.check.outputs[name].datatype)
                for name, part in zip(names, share, strict=True)
            }
            for share in shares
        ]

    def _written(self, tensors: Sequence[Tensor], names: Sequence[str]) -> dict[str, Any]:
        self._check_finite(tensors, names)
        declared = self._model.check.outputs
        return {
            name: _plain(tensor, declared[name].datatype)
            for name, tensor in zip(names, tensors, strict=True)
        }

    def _check_finite(self, tensors: Sequence[Tensor], names: Sequence[str]) -> None:
        for name, tensor in zip(names, tensors, strict=True):
            if not is_finite(tensor):
                raise InvalidOutputError(
                    name=name, model=self._model.name, reason="it holds NaN or Inf"
                )

    def _quarantine(self, place: int, error: FalajError) -> None:
        text = self._lines[place].text
        try:
            record = {"record": text.decode()}
        except UnicodeDecodeError:
            record = {"record_base64": base64.b64encode(text).decode()}
        reason = {"code": error.code, "reason": str(error)}
        self._outcomes[place] = Outcome(is_answered=False, text=self._line(place, reason | record))

    def _line(self, place: int, told: dict[str, Any]) -> bytes:
        """Write a record's line; one without a key of its own is known by where it stood."""
        line, row = self._lines[place], self._rows.get(place)
        key = row.key if row else self._reader.key(line.text)
        known = line.at if key is None else key
        return orjson.dumps({"key": known, "at": line.at, **told}, option=_NUMPY) + b"\n"


def _plain(value: Any, datatype: Datatype) -> Any:  # noqa: ANN401 - what orjson writes
    """Return an output, or an element of one, as orjson writes it."""
    if datatype is Datatype.BYTES:
        return value.tolist() if hasattr(value, "tolist") else value  # an element is a str
    if isinstance(value, np.ndarray):
        return value if value.flags.c_contiguous else value.copy(order="C")
    # ONNX Runtime's int64 is C's long long, of which orjson knows arrays but no elements.
    return value if datatype.is_float else value.item()
