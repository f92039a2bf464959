"""Which target group a listener forwards to: conditions in order of priority, then the default.

Source:
    docs.aws.amazon.com/elasticloadbalancing/latest/application/listener-rules.html and
    …/rule-condition-types.html (`*` any characters, `?` one; paths are case-sensitive, hosts are
    not; all conditions of a rule must hold, any value of one), read 2026-11-22.
"""

import random
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from local_region.gateway.messages import Request, Response

_CONDITIONS: Final = {
    "path-pattern": "PathPatternConfig",
    "host-header": "HostHeaderConfig",
    "http-header": "HttpHeaderConfig",
    "http-request-method": "HttpRequestMethodConfig",
}


class RuleError(ValueError):
    """A rule says what is not known here."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Forward:
    """Target groups by ARN, and their weights."""

    weights: Mapping[str, int]

    def choose(self, rng: random.Random) -> str:
        """Choose a target group by its weight."""
        if len(self.weights) == 1:
            return next(iter(self.weights))
        return rng.choices(list(self.weights), [max(0, w) for w in self.weights.values()])[0]


@dataclass(frozen=True, slots=True, kw_only=True)
class Condition:
    """What a part of a request must look like."""

    part: str
    patterns: tuple[re.Pattern[str], ...]

    def holds(self, request: Request) -> bool:
        """Say whether a request is meant."""
        match self.part:
            case "path-pattern":
                found = request.path
            case "host-header":
                found = request.header("host").partition(":")[0]
            case "http-request-method":
                found = request.method
            case name:
                found = request.header(name)
        return any(pattern.fullmatch(found) for pattern in self.patterns)


Action = Forward | Response


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """Conditions and what happens if all of them hold."""

    priority: int
    conditions: tuple[Condition, ...]
    action: Action


def action_for(rules: Iterable[Rule], default: Action, request: Request) -> Action:
    """Return the action of the first rule that holds, lowest priority number first."""
    for rule in sorted(rules, key=lambda rule: rule.priority):
        if all(condition.holds(request) for condition in rule.conditions):
            return rule.action
    return default


def read_action(actions: Sequence[Mapping[str, Any]]) -> Action:
    """Read the actions of a listener or a rule.

    Raises:
        RuleError: They do something else than forward or answer.
    """
    last = actions[-1]
    match last.get("Type"):
        case "forward":
            groups = (last.get("ForwardConfig") or {}).get("TargetGroups")
            if groups is None:
                groups = [{"TargetGroupArn": last["TargetGroupArn"]}]
            weights = {g["TargetGroupArn"]: int(g.get("Weight", 1)) for g in groups}
            return Forward(weights=weights)
        case "fixed-response":
            fixed = last["FixedResponseConfig"]
            return Response(
                status=int(fixed["StatusCode"]),
                headers=(("content-type", fixed.get("ContentType", "text/plain")),),
                body=str(fixed.get("MessageBody", "")).encode(),
            )
        case other:
            raise RuleError(f"listener actions of type {other!r} are not known here")


def read_conditions(conditions: Iterable[Mapping[str, Any]]) -> tuple[Condition, ...]:
    """Read a rule's conditions.

    Raises:
        RuleError: One of them looks at what is not known here.
    """
    return tuple(_condition(item) for item in conditions)


def _condition(item: Mapping[str, Any]) -> Condition:
    field = item.get("Field", "")
    if field not in _CONDITIONS:
        raise RuleError(f"conditions on {field!r} are not known here")
    config = item.get(_CONDITIONS[field]) or {}
    values = config.get("Values") or item.get("Values") or ()
    part = str(config["HttpHeaderName"]).lower() if field == "http-header" else field
    flags = 0 if field in {"path-pattern", "http-request-method"} else re.IGNORECASE
    return Condition(part=part, patterns=tuple(_glob(str(value), flags) for value in values))


def _glob(text: str, flags: int) -> re.Pattern[str]:
    wild = {"*": ".*", "?": "."}
    return re.compile("".join(wild.get(char, re.escape(char)) for char in text), flags)
