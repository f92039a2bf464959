"""Filter patterns for JSON log events, as subscriptions use them.

Source:
    docs.aws.amazon.com/AmazonCloudWatch/latest/logs/FilterAndPatternSyntax.html ("Filter patterns
    for JSON log events": `{ $.key = "text*" }`, `!=`, numbers, `&&`, `||`, parentheses), read
    2026-11-22. That a field exists is written `$.key = "*"`, as the CDK's FilterPattern.exists
    does; null is no text and does not match.
"""

import json
import re
from collections.abc import Callable, Iterator, Mapping
from fnmatch import fnmatchcase
from typing import Any, Final

Matches = Callable[[Mapping[str, Any]], bool]

_TOKEN: Final = re.compile(
    r"\s*(?:(?P<mark>&&|\|\||[()])|(?P<key>\$(?:\.[A-Za-z0-9_-]+)+)"
    r"|(?P<sign>!=|>=|<=|=|>|<)|(?P<text>\"[^\"]*\")|(?P<number>-?\d+(?:\.\d+)?))"
)
_COMPARE: Final[Mapping[str, Callable[[float, float], bool]]] = {
    "=": lambda a, b: a == b,
    "!=": lambda a, b: a != b,
    ">": lambda a, b: a > b,
    "<": lambda a, b: a < b,
    ">=": lambda a, b: a >= b,
    "<=": lambda a, b: a <= b,
}


class FilterPatternError(Exception):
    """A pattern says something that is not known here."""


class FilterPattern:
    """A pattern, ready to match lines.

    Args:
        text: The pattern; empty matches everything.

    Raises:
        FilterPatternError: It is of a kind that is not carried out here.

    Example:
        >>> FilterPattern('{ ($.unit = "*") || ($.n > 3) }').matches('{"unit": "a"}')
        True
        >>> FilterPattern('{ $.unit = "*" }').matches('{"unit": null}')
        False
    """

    def __init__(self, text: str) -> None:
        stripped = text.strip()
        self._matches: Matches | None = None
        if stripped:
            if not (stripped.startswith("{") and stripped.endswith("}")):
                raise FilterPatternError(f"only patterns for JSON are known here, not {text!r}")
            self._matches = _Reader(stripped[1:-1]).whole()

    def matches(self, line: str) -> bool:
        """Whether a log event matches."""
        if self._matches is None:
            return True
        try:
            event = json.loads(line)
        except ValueError:
            return False
        return isinstance(event, dict) and self._matches(event)


class _Reader:
    """Reads a pattern by recursive descent; `&&` binds closer than `||`."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._tokens = list(self._cut())
        self._at = 0

    def _cut(self) -> Iterator[tuple[str, str]]:
        at, end = 0, len(self._text.rstrip())
        while at < end:
            found = _TOKEN.match(self._text, at)
            if found is None:
                raise FilterPatternError(f"not known here: {self._text[at:].strip()!r}")
            yield str(found.lastgroup), found[str(found.lastgroup)]
            at = found.end()

    def whole(self) -> Matches:
        read = self._any()
        if self._at < len(self._tokens):
            raise FilterPatternError(f"not known here: {self._tokens[self._at][1]!r}")
        return read

    def _any(self) -> Matches:
        parts = [self._all()]
        while self._takes("||"):
            parts.append(self._all())
        return parts[0] if len(parts) == 1 else lambda event: any(part(event) for part in parts)

    def _all(self) -> Matches:
        parts = [self._one()]
        while self._takes("&&"):
            parts.append(self._one())
        return parts[0] if len(parts) == 1 else lambda event: all(part(event) for part in parts)

    def _one(self) -> Matches:
        if self._takes("("):
            inner = self._any()
            if not self._takes(")"):
                raise FilterPatternError(f"a bracket is not closed in {self._text!r}")
            return inner
        path = self._next("key").split(".")[1:]
        sign = self._next("sign")
        kind, value = self._tokens[self._at] if self._at < len(self._tokens) else ("", "")
        self._at += 1
        if kind == "text" and sign in {"=", "!="}:
            return _text(path, value[1:-1], is_wanted=sign == "=")
        if kind == "number":
            return _number(path, float(value), _COMPARE[sign])
        raise FilterPatternError(f"not known here: {sign} {value}")

    def _takes(self, mark: str) -> bool:
        is_next = self._at < len(self._tokens) and self._tokens[self._at] == ("mark", mark)
        self._at += is_next
        return is_next

    def _next(self, kind: str) -> str:
        if self._at >= len(self._tokens) or self._tokens[self._at][0] != kind:
            raise FilterPatternError(f"a {kind} is missing in {self._text!r}")
        self._at += 1
        return self._tokens[self._at - 1][1]


def _value(event: Mapping[str, Any], path: list[str]) -> Any:  # noqa: ANN401 - JSON
    value: Any = event
    for key in path:
        value = value.get(key) if isinstance(value, dict) else None
    return value


def _text(path: list[str], wanted: str, *, is_wanted: bool) -> Matches:
    glob = re.sub(r"([\[?])", r"[\1]", wanted)  # of fnmatch's signs only the star is AWS's

    def matches(event: Mapping[str, Any]) -> bool:
        value = _value(event, path)
        return isinstance(value, str) and fnmatchcase(value, glob) == is_wanted

    return matches


def _number(path: list[str], wanted: float, compare: Callable[[float, float], bool]) -> Matches:
    def matches(event: Mapping[str, Any]) -> bool:
        value = _value(event, path)
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        return is_number and compare(value, wanted)

    return matches
