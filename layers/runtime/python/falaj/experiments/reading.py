"""JSON or YAML values become frozen parts of a declaration, or every fault at once."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import MISSING, Field, fields
from enum import Enum
from functools import partial
from typing import Any, Final, get_args, get_type_hints

from falaj.errors import ConfigurationError

Reader = Callable[[Any], Any]

_WORDS: Final[Mapping[type, str]] = {
    str: "text (put it in quotes)",
    bool: "true or false",
    int: "a whole number",
    float: "a number (write 0.001, not 1e-3)",
}
"""What a value of the wrong kind should have been; YAML reads `no` as false and 1e-3 as text."""

_NO_READERS: Final[Mapping[str, Reader]] = {}
_REFUSED: Final = object()


def read_part(
    kind: type[Any], value: object, where: str, readers: Mapping[str, Reader] = _NO_READERS
) -> Any:  # noqa: ANN401 - a `kind`
    """Build a dataclass from keys and values; null is the same as left out.

    Args:
        kind: The dataclass.
        value: What was written.
        where: How faults name this part.
        readers: How a key's value is read; keys without one hold text, numbers, truth values or
            members of an enumeration, as the dataclass declares.

    Raises:
        ConfigurationError: With every fault, those of the parts below included; what the dataclass
            itself refuses is told as soon as everything it was given could be read.
    """
    if not isinstance(value, Mapping):
        raise ConfigurationError([f"{where}: holds keys and values, not {value!r}"])
    known: dict[str, Field[Any]] = {item.name: item for item in fields(kind)}
    given = {key: item for key, item in value.items() if item is not None}
    faults = [
        f"{where}: unknown key {key!r}; known: {', '.join(known)}"
        for key in given
        if key not in known
    ]
    missing = [f"{where}: {key!r} is missing" for key in _needed(known) if key not in given]
    hints, values = get_type_hints(kind), dict[str, Any]()
    for key in (key for key in known if key in given):
        reader = readers.get(key) or _scalar_reader(hints[key])
        values[key] = _attempt(reader, given[key], f"{where}: {key}", faults)
    faults += missing
    if not missing and _REFUSED not in values.values():
        built = _attempt(lambda read: kind(**read), values, where, faults)
        if not faults:
            return built
    raise ConfigurationError(faults)


def read_parts(reader: Callable[[int, Any], Any], value: object) -> tuple[Any, ...]:
    """Read a list, and report the faults of all its items.

    Args:
        reader: Reads one item, given its place, counted from 1.
        value: What was written.

    Raises:
        ConfigurationError: With the faults of every item.
        ValueError: It is no list.
    """
    if not isinstance(value, list | tuple):
        raise ValueError(f"holds a list, not {value!r}")  # noqa: TRY004 - of what was written
    faults = list[str]()
    read = [
        _attempt(partial(reader, number), item, f"item {number}", faults)
        for number, item in enumerate(value, 1)
    ]
    if faults:
        raise ConfigurationError(faults)
    return tuple(read)


def _attempt(reader: Reader, value: object, where: str, faults: list[str]) -> Any:  # noqa: ANN401 - as read
    try:
        return reader(value)
    except ConfigurationError as error:
        faults.extend(error.faults)
    except (TypeError, ValueError) as error:
        faults.append(f"{where}: {error}")
    return _REFUSED


def _needed(known: Mapping[str, Field[Any]]) -> Iterator[str]:
    for name, item in known.items():
        if item.default is MISSING and item.default_factory is MISSING:
            yield name


def _scalar_reader(hint: Any) -> Reader:  # noqa: ANN401 - any annotation
    kinds = [kind for kind in get_args(hint) or (hint,) if kind is not type(None)]
    kind = kinds[0]
    if isinstance(kind, type) and issubclass(kind, Enum):
        return kind
    return lambda value: _scalar(kind, value)


def _scalar(kind: type, value: object) -> object:
    accepted: Iterable[type] = (int, float) if kind is float else (kind,)
    if type(value) not in accepted:
        raise ValueError(f"{value!r} is not {_WORDS[kind]}")
    return value
