"""Looking into JSON values whose shape nobody has promised."""

from typing import Any, Final

EVERYWHERE: Final = ("0.0.0.0/0", "::/0", "0000:0000:0000:0000:0000:0000:0000:0000/0")


def at(value: object, path: str) -> Any:  # noqa: ANN401 - a JSON value
    """Return what lies at a dotted path; None where there is nothing.

    Example:
        >>> at({"A": {"B": 1}}, "A.B"), at({"A": "text"}, "A.B")
        (1, None)
    """
    for key in path.split("."):
        if not isinstance(value, dict):
            return None
        value = value.get(key)
    return value


def items(value: object) -> list[Any]:
    """Return a list as it is, nothing as no items, and a single value as the only item."""
    if value is None:
        return []
    return value if isinstance(value, list) else [value]


def is_true(value: object) -> bool:
    """Whether a flag is on beyond doubt; one that only deployment decides is not."""
    return value is True or (isinstance(value, str) and value.lower() == "true")


def is_off(value: object) -> bool:
    """Whether a flag is off or left out beyond doubt."""
    return value in (None, False) or (isinstance(value, str) and value.lower() == "false")


def strings(value: object, path: str = "") -> list[tuple[str, str]]:
    """Return every string in a value, keys included, with where it stands.

    Example:
        >>> strings({"A": ["b", {"C": 1}]})
        [('A', 'A'), ('A[0]', 'b'), ('A[1].C', 'C')]
    """
    found: list[tuple[str, str]] = []
    _collect(value, path, found)
    return found


def _collect(value: object, path: str, found: list[tuple[str, str]]) -> None:
    if isinstance(value, str):
        found.append((path, value))
    elif isinstance(value, dict):
        for key, item in value.items():
            inner = f"{path}.{key}" if path else key
            found.append((inner, key))
            _collect(item, inner, found)
    elif isinstance(value, list):
        for number, item in enumerate(value):
            _collect(item, f"{path}[{number}]", found)
