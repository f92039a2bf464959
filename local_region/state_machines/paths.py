"""JSONPath and payload templates, as far as the stacks write them.

Source: states-language.net/spec.html, "Paths" and "Payload Template", read 2026-11-22.
"""

import re
from collections.abc import Mapping
from typing import Any, Final

PATH: Final = re.compile(r"\$(\$)?((?:\.[A-Za-z_][A-Za-z0-9_]*)*)")
"""`$`, `$.a.b`, and the same after `$$`, which means the context object."""

Json = Any


class StateError(Exception):
    """A state failed.

    Attributes:
        error: The error's name, by which it is retried.
        cause: What people read.
    """

    def __init__(self, error: str, cause: str) -> None:
        super().__init__(f"{error}: {cause}")
        self.error, self.cause = error, cause


def taken(path: str, value: Json, context: Mapping[str, Any]) -> Json:
    """Return what a path names.

    Raises:
        StateError: There is no such thing.

    Example:
        >>> taken("$.a.b", {"a": {"b": 1}}, {})
        1
    """
    found = PATH.fullmatch(path)
    if found is None:
        raise StateError("States.Runtime", f"path {path!r} is not known here")
    at: Json = context if found[1] else value
    for name in found[2].split(".")[1:]:
        if not isinstance(at, Mapping) or name not in at:
            raise StateError("States.Runtime", f"path {path!r} names nothing in the input")
        at = at[name]
    return at


def filled(template: Json, value: Json, context: Mapping[str, Any]) -> Json:
    """Fill a payload template: a field `name.$` gets what its path names.

    Example:
        >>> filled({"x.$": "$.a", "y": 2}, {"a": 1}, {})
        {'x': 1, 'y': 2}
    """
    if isinstance(template, Mapping):
        return {
            name.removesuffix(".$"): taken(item, value, context)
            if name.endswith(".$")
            else filled(item, value, context)
            for name, item in template.items()
        }
    if isinstance(template, list):
        return [filled(item, value, context) for item in template]
    return template


def placed(path: str | None, value: Json, result: Json) -> Json:
    """Put a result into a state's input where `ResultPath` says; None throws it away.

    Example:
        >>> placed("$.plan", {"a": 1}, 2)
        {'a': 1, 'plan': 2}
    """
    if path is None:
        return value
    if path == "$":
        return result
    return {**value, path.removeprefix("$."): result}
