"""What a model.yaml key may hold, written once beside the field it belongs to.

A field is annotated `Annotated[int, Range(128, 10240), "what it is"]`; reading, refusing and the
published JSON Schema all take it from there.
"""

import re
from collections.abc import Iterator
from dataclasses import MISSING, Field, dataclass, fields
from datetime import timedelta
from typing import Annotated, Any, Final, get_args, get_origin, get_type_hints

from catalogue.errors import Fault, InvalidSpecError


@dataclass(frozen=True, slots=True)
class Range:
    """The least and the greatest value that is taken, both included.

    Attributes:
        minimum: Least value; None where there is none.
        maximum: Greatest value; None where there is none.
        because: Who sets the limit.
    """

    minimum: float | timedelta | None = None
    maximum: float | timedelta | None = None
    because: str = ""

    def fault(self, value: Any) -> str | None:  # noqa: ANN401 - compares numbers and durations alike
        """Say why a value is outside, or None."""
        # Written so that NaN, which compares false with everything, is outside.
        is_large_enough = self.minimum is None or value >= self.minimum
        is_small_enough = self.maximum is None or value <= self.maximum
        if is_large_enough and is_small_enough:
            return None
        because = f" ({self.because})" if self.because else ""
        return f"{_text(value)} is outside {self}{because}; write a value in that range"

    def __str__(self) -> str:
        if self.maximum is None:
            return f"{_text(self.minimum)} or more"
        return f"{_text(self.minimum)} to {_text(self.maximum)}"


@dataclass(frozen=True, slots=True)
class Pattern:
    """A regular expression that the whole text matches, and what it says in words."""

    expression: str
    words: str

    def fault(self, value: str) -> str | None:
        """Say why a text does not fit, or None."""
        if re.fullmatch(self.expression, value):
            return None
        return f"{value!r} is not {self.words}"


@dataclass(frozen=True, slots=True)
class Setting:
    """One key of model.yaml: its type, rules, words and default.

    Attributes:
        key: The key, which is also the field's name.
        kind: The annotated type without its annotations.
        rules: Ranges and patterns that each value (each element of a list) obeys.
        description: One sentence for the schema and the reference.
        is_required: Whether the key must be written.
        default: What holds where the key is not written.
    """

    key: str
    kind: Any
    rules: tuple[Range | Pattern, ...]
    description: str
    is_required: bool
    default: Any


def settings_of(part: type) -> tuple[Setting, ...]:
    """Return the settings of one part of the specification, in the order they are documented.

    Read once, since a hundred models ask for the same; defaults are frozen values.
    """
    if part not in _READ:
        hints = get_type_hints(part, include_extras=True)
        _READ[part] = tuple(_setting(item, hints[item.name]) for item in fields(part))
    return _READ[part]


_READ: Final[dict[type, tuple[Setting, ...]]] = {}


def _setting(item: Field[Any], hint: Any) -> Setting:  # noqa: ANN401 - any annotation
    notes = hint.__metadata__ if get_origin(hint) is Annotated else ()
    made = None if item.default_factory is MISSING else item.default_factory()
    return Setting(
        key=item.name,
        kind=get_args(hint)[0] if notes else hint,
        rules=tuple(note for note in notes if isinstance(note, Range | Pattern)),
        description=next((note for note in notes if isinstance(note, str)), ""),
        is_required=item.default is MISSING and item.default_factory is MISSING,
        default=made if item.default is MISSING else item.default,
    )


def refuse_unless_valid(part: Any, *conditions: Fault | None) -> None:  # noqa: ANN401 - any dataclass
    """Raise every fault of a part: those of its rules and those of the conditions given.

    Raises:
        InvalidSpecError: At least one setting is refused.
    """
    found = [*_rule_faults(part), *(fault for fault in conditions if fault is not None)]
    if found:
        raise InvalidSpecError(found)


def fault_if(refused: object, key: str, reason: str) -> Fault | None:
    """Return the fault if its condition holds."""
    return Fault(key, reason) if refused else None


def _rule_faults(part: Any) -> Iterator[Fault]:  # noqa: ANN401 - any dataclass
    for setting in settings_of(type(part)):
        value = getattr(part, setting.key)
        for item in value if isinstance(value, tuple) else (value,):
            if item is None or (isinstance(item, str) and _has_range(setting)):
                continue
            reasons = (rule.fault(item) for rule in setting.rules)
            yield from (Fault(setting.key, reason) for reason in reasons if reason)


def _has_range(setting: Setting) -> bool:
    """Whether a text here is the word beside a number (`threads: auto`), which no range judges."""
    return any(isinstance(rule, Range) for rule in setting.rules)


def _text(value: object) -> str:
    return write_duration(value) if isinstance(value, timedelta) else f"{value:,}"


_UNITS = (("d", 86_400), ("h", 3_600), ("m", 60), ("s", 1))
DURATION = r"(?=.)(\d+d)?(\d+h)?(\d+m)?(\d+s)?"


def read_duration(text: str) -> timedelta:
    """Read a duration as model.yaml writes it.

    Raises:
        ValueError: The text is no duration.

    Example:
        >>> read_duration("1h30m")
        datetime.timedelta(seconds=5400)
    """
    match = re.fullmatch(DURATION, text)
    if match is None:
        raise ValueError(f"{text!r} is not a duration; write 90s, 10m, 1h30m or 14d")
    seconds = sum(
        int(group[:-1]) * size
        for group, (_, size) in zip(match.groups(), _UNITS, strict=True)
        if group
    )
    return timedelta(seconds=seconds)


def write_duration(value: timedelta) -> str:
    """Write a duration as model.yaml does.

    Example:
        >>> write_duration(read_duration("90m"))
        '1h30m'
    """
    left, parts = int(value.total_seconds()), []
    for unit, size in _UNITS:
        count, left = divmod(left, size)
        if count:
            parts.append(f"{count}{unit}")
    return "".join(parts) or "0s"
