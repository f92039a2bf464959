"""Rules: which events, or which moments, reach which targets."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final, Self

from moto.events.exceptions import InvalidEventPatternException
from moto.events.models import EventPattern, EventPatternParser

Event = Mapping[str, Any]

_RATE: Final = re.compile(r"rate\((\d+) (minute|minutes|hour|hours|day|days)\)")
_UNITS: Final = {"minute": 60, "hour": 3600, "day": 86_400}
_TARGET_KEYS: Final = {"Id", "Arn", "Input", "InputPath", "RetryPolicy", "DeadLetterConfig"}


class RuleError(ValueError):
    """A rule that EventBridge refuses, or that this region does not carry out."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """Where a matching event goes.

    Attributes:
        id: Unique within the rule.
        arn: A function (or its alias), queue or topic.
        input: Constant JSON sent instead of the event.
        input_path: Part of the event that is sent, such as `$.detail`.
        rule_arn: The rule it belongs to, which a function's permission names.
        dead_letter_arn: The queue that gets what the target did not take.
    """

    id: str
    arn: str
    input: str | None = None
    input_path: str | None = None
    rule_arn: str = ""
    dead_letter_arn: str | None = None

    @classmethod
    def from_properties(cls, properties: Mapping[str, Any], *, rule_arn: str = "") -> Self:
        """Read a target as CloudFormation and PutTargets write it.

        `RetryPolicy` has nothing to act on: a target here takes an event at once, or never will.

        Raises:
            RuleError: It uses a setting that is not carried out here.
        """
        unknown = sorted(set(properties) - _TARGET_KEYS)
        if unknown:
            raise RuleError(
                f"target {properties.get('Id')!r}: {unknown[0]} is not carried out here"
            )
        return cls(
            id=properties["Id"],
            arn=properties["Arn"],
            input=properties.get("Input"),
            input_path=properties.get("InputPath"),
            rule_arn=rule_arn,
            dead_letter_arn=(properties.get("DeadLetterConfig") or {}).get("Arn"),
        )

    def payload(self, event: Event) -> bytes:
        """Write what the target receives for an event."""
        if self.input is not None:
            return self.input.encode()
        chosen: Any = event
        for step in (self.input_path or "$").split(".")[1:]:
            chosen = chosen[step]
        return json.dumps(chosen).encode()


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """A rule on the default bus.

    Attributes:
        name: Unique on the bus.
        arn: Its ARN.
        targets: Where matching events go.
        pattern: Which events match; None for a schedule alone.
        every: Distance between two scheduled events; None for a pattern alone.
        is_enabled: Whether it does anything.
    """

    name: str
    arn: str
    targets: tuple[Target, ...]
    pattern: EventPattern | None = None
    every: timedelta | None = None
    is_enabled: bool = True

    @classmethod
    def from_properties(cls, properties: Mapping[str, Any], *, name: str, arn: str) -> Self:
        """Read a rule as CloudFormation and PutRule write it.

        Raises:
            RuleError: Neither pattern nor schedule is given, or one is not understood.
        """
        pattern, schedule = properties.get("EventPattern"), properties.get("ScheduleExpression")
        if pattern is None and schedule is None:
            raise RuleError(f"rule {name!r}: give an EventPattern or a ScheduleExpression")
        return cls(
            name=name,
            arn=arn,
            targets=tuple(
                Target.from_properties(target, rule_arn=arn)
                for target in properties.get("Targets") or ()
            ),
            pattern=None if pattern is None else _pattern(name, pattern),
            every=None if schedule is None else _every(name, schedule),
            is_enabled=properties.get("State", "ENABLED") != "DISABLED",
        )

    def matches(self, event: Event) -> bool:
        """Whether an event is for this rule."""
        if not self.is_enabled or self.pattern is None:
            return False
        return bool(self.pattern.matches_event(event))  # type: ignore[arg-type]  # any JSON will do


def _pattern(name: str, pattern: str | Mapping[str, Any]) -> EventPattern:
    text = pattern if isinstance(pattern, str) else json.dumps(pattern)
    try:
        return EventPattern(text, EventPatternParser(text).parse())
    except InvalidEventPatternException as error:
        raise RuleError(f"rule {name!r}: {error}") from error


def _every(name: str, schedule: str) -> timedelta:
    """Read `rate(5 minutes)`.

    Source:
        docs.aws.amazon.com/eventbridge/latest/userguide/eb-scheduled-rule-pattern.html (rate
        expressions: minute(s), hour(s), day(s); singular for one)
    """
    found = _RATE.fullmatch(schedule)
    if found is None:
        raise RuleError(
            f"rule {name!r}: the schedule {schedule!r} is not carried out here; use rate(…)"
        )
    number, unit = int(found[1]), found[2]
    if number < 1 or (number == 1) == unit.endswith("s"):
        raise RuleError(f"rule {name!r}: {schedule!r} is refused by EventBridge (singular for one)")
    return timedelta(seconds=number * _UNITS[unit.removesuffix("s")])
