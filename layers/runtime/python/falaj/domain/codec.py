"""Frozen values to JSON values and back, exactly: what is stored is what was decided on."""

import json
import types
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from datetime import datetime
from enum import StrEnum
from functools import cache
from typing import Any, TypeVar, Union, cast, get_args, get_origin, get_type_hints

T = TypeVar("T")


def encode(value: object) -> Any:  # noqa: ANN401 - JSON values
    """Write a frozen value as JSON values; a dataclass in a union is named by its class under `is`.

    Raises:
        TypeError: The value holds something that has no exact JSON form.
    """
    if is_dataclass(value) and not isinstance(value, type):
        names = (f.name for f in fields(value))
        return {"is": type(value).__name__} | {n: encode(getattr(value, n)) for n in names}
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, StrEnum):
        return value.value
    if isinstance(value, Mapping):
        return {str(key): encode(item) for key, item in value.items()}
    if isinstance(value, tuple):
        return [encode(item) for item in value]
    if value is None or isinstance(value, str | int | float):
        return value
    raise TypeError(f"{type(value).__name__} has no exact JSON form")


def decode(kind: type[T], data: object) -> T:
    """Read what `encode` wrote.

    Raises:
        ValueError: It names a class that `kind` does not admit.
        TypeError: It lacks a field or has one too many.
    """
    return cast("T", _decode(kind, data))


def canonical_json(value: object) -> str:
    """Write the one JSON text of a value: sorted keys, no spaces, no NaN.

    Raises:
        ValueError: A number is not finite.
    """
    return json.dumps(
        encode(value), sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False
    )


def _decode(kind: Any, data: Any) -> Any:  # noqa: ANN401 - driven by annotations
    origin = get_origin(kind)
    if origin in {Union, types.UnionType}:
        return _decode_union(get_args(kind), data)
    if origin is tuple:
        return tuple(_decode(get_args(kind)[0], item) for item in data)
    if origin is not None:  # Mapping[str, X]
        return {key: _decode(get_args(kind)[1], item) for key, item in data.items()}
    if is_dataclass(kind) and isinstance(kind, type):
        return _decode_fields(kind, data)
    if kind is datetime:
        return datetime.fromisoformat(data)
    return kind(data) if isinstance(kind, type) and issubclass(kind, StrEnum) else data


def _decode_fields(kind: type, data: Mapping[str, Any]) -> object:
    hints = _hints(kind)
    given = {key: item for key, item in data.items() if key != "is"}
    return kind(**{key: _decode(hints.get(key, object), item) for key, item in given.items()})


def _decode_union(kinds: tuple[Any, ...], data: Any) -> Any:  # noqa: ANN401 - driven by annotations
    if data is None and type(None) in kinds:
        return None
    named = data.get("is") if isinstance(data, Mapping) else None
    for kind in kinds:
        if kind is not type(None) and (named is None or kind.__name__ == named):
            return _decode(kind, data)
    raise ValueError(f"{named!r} is none of {', '.join(kind.__name__ for kind in kinds)}")


@cache
def _hints(kind: type) -> dict[str, Any]:
    return get_type_hints(kind)
