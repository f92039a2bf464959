"""Which columns of a CSV object make which input of a model.

In this order: a column of the input's name; columns `name[0]`, `name[1]`, … (also `name_0` and
`name.0`), which must be complete; for a model of one input, all columns in their order.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import isfinite
from typing import Any, Final, Self

import orjson

from falaj.domain.tensors import Datatype, TensorSpec
from falaj.errors import MalformedRequestError, TensorDataError

KEYS: Final = ("id", "key")
"""Fields that name a record, unless an input has the name."""
_ELEMENT: Final = re.compile(r"(.+?)(?:\[(\d{1,9})\]|[._](\d{1,9}))")
_TRUE: Final = frozenset({"true", "1"})
_FALSE: Final = frozenset({"false", "0"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Columns:
    """What a header means for a model.

    Attributes:
        key: The column that names records; None if there is none.
        by_input: Columns of each input, in order.
        count: How many cells each record has.
    """

    key: int | None
    by_input: Mapping[str, tuple[int, ...]]
    count: int

    @classmethod
    def of(cls, header: Sequence[str], inputs: Mapping[str, TensorSpec]) -> Self:
        """Find each input's columns.

        Raises:
            MalformedRequestError: An input has none, or a column is there twice.
        """
        names = [name.strip() for name in header]
        if twice := sorted({name for name in names if names.count(name) > 1}):
            raise MalformedRequestError(f"the header has column {twice[0][:120]!r} twice")
        key = next((names.index(k) for k in KEYS if k in names and k not in inputs), None)
        found = {name: _columns(names, name) for name in inputs}
        if len(inputs) == 1 and not any(found.values()):
            found = {name: tuple(i for i in range(len(names)) if i != key) for name in inputs}
        if missing := [name for name, columns in found.items() if not columns]:
            raise MalformedRequestError(
                f"the header names no column for input {missing[0]!r}: call it {missing[0]!r}, or "
                f"its elements '{missing[0]}[0]', '{missing[0]}[1]' and so on"
            )
        return cls(key=key, by_input=found, count=len(names))

    def fields(self, cells: Sequence[str], inputs: Mapping[str, TensorSpec]) -> dict[str, Any]:
        """Read a record's cells as the values of the model's inputs.

        Raises:
            MalformedRequestError: It has more or fewer cells than the header.
            TensorDataError: A cell is no value of its input's type.
        """
        if len(cells) != self.count:
            raise MalformedRequestError(
                f"the record has {len(cells)} cells, the header has {self.count}"
            )
        fields: dict[str, Any] = {}
        for name, columns in self.by_input.items():
            spec = inputs[name]
            if len(columns) == 1 and cells[columns[0]].lstrip().startswith("["):
                fields[name] = _listed(spec, cells[columns[0]])
                continue
            values = [_value(spec, cells[column]) for column in columns]
            fields[name] = values if len(values) > 1 else values[0]
        return fields


def _columns(names: Sequence[str], wanted: str) -> tuple[int, ...]:
    if wanted in names:
        return (names.index(wanted),)
    found: dict[int, int] = {}
    for column, name in enumerate(names):
        part = _ELEMENT.fullmatch(name)
        if part and part[1] == wanted:
            found[int(part[2] or part[3])] = column
    is_whole = sorted(found) == list(range(len(found)))
    return tuple(found[index] for index in sorted(found)) if is_whole else ()


def _listed(spec: TensorSpec, cell: str) -> Any:  # noqa: ANN401 - JSON
    if spec.datatype is Datatype.BYTES:
        return cell
    try:
        return orjson.loads(cell)
    except orjson.JSONDecodeError as error:
        raise TensorDataError(
            name=spec.name, reason="its cell begins with [ and is no JSON list"
        ) from error


def _value(spec: TensorSpec, cell: str) -> Any:  # noqa: ANN401 - a value of the tensor's type
    if spec.datatype is Datatype.BYTES:
        return cell
    text = cell.strip()
    if spec.datatype is Datatype.BOOL:
        if text.lower() in _TRUE | _FALSE:
            return text.lower() in _TRUE
        raise TensorDataError(name=spec.name, reason="a cell is neither true nor false")
    number = _number(text, is_float=spec.datatype.is_float)
    if number is None:
        kind = "number" if spec.datatype.is_float else "whole number"
        what = f"is no {kind}" if text else f"is empty where a {kind} is needed"
        raise TensorDataError(name=spec.name, reason=f"a cell {what}")
    return number


def _number(text: str, *, is_float: bool) -> float | int | None:
    """Read a number as JSON knows them: no NaN, no Inf, and not Python's 1_000."""
    if "_" in text:
        return None
    try:
        number = float(text) if is_float else int(text)
        return number if isfinite(number) else None
    except (ValueError, OverflowError):  # isfinite of a whole number beyond every double
        return None
