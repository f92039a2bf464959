"""Large JSON documents: an index of the text by simdjson, Python objects for small parts only."""

from collections.abc import Iterator
from sys import getrefcount
from threading import local
from typing import Any, Final, NamedTuple

import simdjson

from falaj.errors import MalformedRequestError

_kept: Final = local()
_FIELDS: Final = ("id", "parameters", "inputs", "outputs")
_MAX_ITEMS: Final = 1024
_MAX_DEPTH: Final = 3
_FEW: Final = 4096


class IndexedArray(NamedTuple):
    """An array of a large document, not yet built.

    Attributes:
        values: Its place in simdjson's index.
        is_even: Whether the document has just the brackets of arrays that nest as far as their
            first element does. Then no scalar can have an array for a neighbour; otherwise one
            might, and only looking at each tells.
    """

    values: simdjson.Array
    is_even: bool


def parsed_fields(text: bytes, *, keep_parser: bool) -> dict[str, Any]:
    """Parse a request's JSON object; an input's `data` remains an `IndexedArray`.

    Args:
        text: The document, of a size already checked.
        keep_parser: Whether its parser may serve this thread's next request.

    Raises:
        MalformedRequestError: It is not one JSON object in UTF-8.
    """
    parser = _warm_parser() if keep_parser else simdjson.Parser()
    try:
        root = parser.parse(text)
    except (ValueError, RuntimeError) as error:
        raise MalformedRequestError(f"failed to parse the request JSON buffer: {error}") from error
    if not isinstance(root, simdjson.Object):
        raise MalformedRequestError("the request must be a JSON object")
    fields = {name: _field(name, root[name]) for name in _FIELDS if name in root}
    is_even = _has_brackets(text, _arrays(fields))
    inputs = fields.get("inputs")
    for tensor in inputs if type(inputs) is list else ():
        if type(tensor) is dict and isinstance(data := tensor.get("data"), simdjson.Array):
            tensor["data"] = IndexedArray(data, is_even)
    return fields


def _warm_parser() -> simdjson.Parser:
    """This thread's parser, unless its last document is still in use.

    A fresh one costs more in page faults than the parsing itself; one that has read a long text
    would keep as much memory for ever.
    """
    parser = getattr(_kept, "parser", None)
    if parser is None or getrefcount(parser) > _OWN_REFERENCES:
        parser = _kept.parser = simdjson.Parser()
    return parser


def _own_references() -> int:
    """Count the references to what nobody else holds, asked as in `_warm_parser`.

    The thread's, the local variable's and, until Python 3.13, the argument's.
    """
    kept = local()
    kept.parser = object()
    parser = getattr(kept, "parser", None)
    return getrefcount(parser)


_OWN_REFERENCES: Final = _own_references()


def _field(name: str, value: Any) -> Any:  # noqa: ANN401 - JSON
    if name == "inputs" and isinstance(value, simdjson.Array):
        _check_items(value)
        return [_input(item) for item in value]
    return _plain(value, _MAX_DEPTH)


def _input(value: Any) -> Any:  # noqa: ANN401
    if not isinstance(value, simdjson.Object):
        return None
    _check_items(value)
    # Not items(): that would make Python objects of all that lies below.
    return {
        key: member if key == "data" else _plain(member, _MAX_DEPTH)
        for key, member in _members(value)
    }


def _plain(value: Any, depth: int) -> Any:  # noqa: ANN401
    """Turn a small part of the document into Python values."""
    is_array, is_object = isinstance(value, simdjson.Array), isinstance(value, simdjson.Object)
    if not is_array and not is_object:
        return value
    if not depth:
        raise MalformedRequestError("the request is nested too deeply outside of 'data'")
    _check_items(value)
    if is_array:
        return [_plain(item, depth - 1) for item in value]
    return {key: _plain(member, depth - 1) for key, member in _members(value)}


def _members(value: simdjson.Object) -> Iterator[tuple[str, Any]]:
    """Walk an object's members; simdjson looks keys up as C strings, which end at a NUL."""
    for key in value:
        if "\0" in key:
            raise MalformedRequestError(f"the key {key!r} holds a NUL character")
        yield key, value[key]


def _check_items(value: Any) -> None:  # noqa: ANN401
    if len(value) > _MAX_ITEMS:
        raise MalformedRequestError(f"more than {_MAX_ITEMS} items outside of 'data'")


def _has_brackets(text: bytes, number: int) -> bool:
    """Whether a text has just so many opening brackets."""
    if number > _FEW:
        return text.count(b"[") == number
    # Searching runs at the speed of memory, counting at a tenth of it.
    place = -1
    for _ in range(number):
        if (place := text.find(b"[", place + 1)) < 0:
            return False
    return text.find(b"[", place + 1) < 0


def _arrays(value: Any) -> int:  # noqa: ANN401
    """Count the arrays in a value, taking those that are not built yet for even ones."""
    if isinstance(value, simdjson.Array):
        return _arrays_if_even(value)
    if isinstance(value, list):
        return 1 + sum(map(_arrays, value))
    return sum(map(_arrays, value.values())) if isinstance(value, dict) else 0


def _arrays_if_even(array: simdjson.Array) -> int:
    total = level = 1
    while len(array) and isinstance(first := array[0], simdjson.Array):
        level *= len(array)
        total += level
        array = first
    return total
