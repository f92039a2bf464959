"""A web ACL: rules by priority, the first that blocks or allows decides.

Source:
    docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/aws-resource-wafv2-webacl.html and
    docs.aws.amazon.com/waf/latest/developerguide/web-acl-rule-actions.html (a count lets the next
    rule look), read 2026-11-22.
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final

from local_region.gateway.messages import Request
from local_region.waf.managed import GROUPS, NOT_HERE
from local_region.waf.statements import Matches, read_statement

_PROPERTIES: Final = frozenset(
    {"DefaultAction", "Description", "Name", "Rules", "Scope", "Tags", "VisibilityConfig"}
)
_RULE: Final = frozenset(
    {"Action", "Name", "OverrideAction", "Priority", "Statement", "VisibilityConfig"}
)
_GROUP: Final = frozenset({"Name", "RuleActionOverrides", "VendorName", "Version"})


class Action(StrEnum):
    """What a rule does with what it matches."""

    ALLOW = "Allow"
    BLOCK = "Block"
    COUNT = "Count"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One rule.

    Attributes:
        name: Its name; of a managed group's rule, the group's before it.
        action: What it does.
        matches: Whether it applies.
    """

    name: str
    action: Action
    matches: Matches


@dataclass(slots=True, kw_only=True)
class WebAcl:
    """Rules in their order.

    Attributes:
        rules: All of them.
        default: What becomes of requests that no rule has decided about.
        counted: How many requests each rule has matched, blocked ones included.
    """

    rules: Sequence[Rule]
    default: Action
    counted: Counter[str] = field(default_factory=Counter)

    def lets_pass(self, request: Request, now: float) -> bool:
        """Decide about a request.

        Args:
            request: As it was sent.
            now: Seconds since 1970.
        """
        for rule in self.rules:
            if rule.matches(request, now):
                self.counted[rule.name] += 1
                if rule.action is not Action.COUNT:
                    return rule.action is Action.ALLOW
        return self.default is Action.ALLOW


def read_web_acl(properties: Mapping[str, Any]) -> WebAcl:
    """Read a web ACL's properties.

    Raises:
        ValueError: They say something that nobody here would enforce.
    """
    _refuse_unknown("properties", properties, _PROPERTIES)
    if properties.get("Scope") != "REGIONAL":
        raise ValueError(f"Scope {properties.get('Scope')} is not known here")
    rules: list[Rule] = []
    for rule in sorted(properties.get("Rules", ()), key=lambda each: int(each["Priority"])):
        _refuse_unknown(f"rule {rule.get('Name')}: properties", rule, _RULE)
        try:
            rules += _read_rule(rule)
        except (KeyError, TypeError, ValueError) as error:
            raise ValueError(f"rule {rule.get('Name')}: {error}") from error
    return WebAcl(rules=tuple(rules), default=_action(properties.get("DefaultAction")))


def _read_rule(rule: Mapping[str, Any]) -> list[Rule]:
    statement = dict(rule["Statement"])
    group = statement.get("ManagedRuleGroupStatement")
    if group is None:
        matches = read_statement(statement)
        return [Rule(name=rule["Name"], action=_action(rule.get("Action")), matches=matches)]
    _refuse_unknown("properties of the group", group, _GROUP)
    name = str(group["Name"])
    if group.get("VendorName") != "AWS" or name not in GROUPS:
        raise ValueError(f"the managed group {group.get('VendorName')}/{name} is not known here")
    overrides = {
        str(each["Name"]): _action(each["ActionToUse"])
        for each in group.get("RuleActionOverrides", ())
    }
    unknown = overrides.keys() - GROUPS[name].keys() - NOT_HERE[name].keys()
    if unknown:
        raise ValueError(f"{name} has no rule {', '.join(sorted(unknown))}")
    is_counted = "Count" in (rule.get("OverrideAction") or {})
    return [
        Rule(
            name=f"{rule['Name']}/{each}",
            action=Action.COUNT if is_counted else overrides.get(each, Action.BLOCK),
            matches=_without_time(finds),
        )
        for each, finds in GROUPS[name].items()
    ]


def _without_time(finds: Callable[[Request], bool]) -> Matches:
    return lambda request, _: finds(request)


def _action(said: object) -> Action:
    names = list(said) if isinstance(said, Mapping) else []
    if len(names) != 1 or names[0] not in set(Action):
        raise ValueError(f"the action {', '.join(map(str, names)) or 'None'} is not known here")
    return Action(names[0])


def _refuse_unknown(what: str, given: Mapping[str, Any], known: frozenset[str]) -> None:
    if unknown := sorted(given.keys() - known):
        raise ValueError(f"{what} {', '.join(unknown)} are not known here")
