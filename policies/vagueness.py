"""What an exception must say before it can be granted."""

import re
from collections.abc import Iterator, Mapping
from datetime import date
from typing import Any, Final

from policies.registry import RULES
from policies.values import items

LEAST_REASON: Final = 20
"""Characters that a reason must have; fewer say nothing to the reader of an audit."""
LEAST_NAMED: Final = 3
"""Characters that a pattern of a stack's or a resource's name must write out."""
PROFILES: Final = ("smb", "enterprise")
FAMILIES: Final = frozenset(rule.family for rule in RULES)
ANYTHING: Final = "…"
"""Stands for any text in the id of a finding of cdk-nag, `AwsSolutions-IAM5[Resource::…]`."""
_KNOWN: Final = frozenset(rule.id for rule in RULES)
_VAGUE: Final = re.compile(
    r"(?i)^\W*(?:todo|tbd|n/?a|none|fix later|temporary|false positive|someone|me|unknown|\?)\b"
)


def vague(entry: Mapping[str, Any]) -> Iterator[str]:
    """Yield what is said so loosely that nobody could hold anyone to it."""
    reason = str(entry["reason"]).strip()
    if len(reason) < LEAST_REASON or _VAGUE.match(reason):
        yield f"the reason {reason!r} is vague; say why, in at least {LEAST_REASON} characters"
    if _VAGUE.match(str(entry["evidence"])):
        yield "the evidence is vague; name a test, a document or a page"
    if _VAGUE.match(str(entry["approver"])):
        yield "the approver is vague; name a role or a person"
    if type(entry["expires"]) is not date:  # a datetime is a date, and compares with none
        yield f"expires {entry['expires']!r} is no date; write 2027-05-31"
    yield from _place(str(entry["resource"]))
    unknown = sorted({*map(str, items(entry.get("profiles")))} - {*PROFILES})
    if unknown or not isinstance(entry.get("profiles", []), list):
        yield f"profiles {entry['profiles']!r}: write a list of {' and '.join(PROFILES)}"
    yield from _rule(str(entry["rule"]))


def _place(resource: str) -> Iterator[str]:
    stack, _, id_ = resource.partition("/")
    patterns = [part for part in (stack, id_) if "*" in part]
    if any(len(part.replace("*", "")) < LEAST_NAMED for part in patterns):
        yield f"resource {resource!r} is a whole stack or everything; name resources"
    if not id_ and "*" in stack:
        yield f"resource {resource!r} may be several stacks; name one"


def _rule(rule: str) -> Iterator[str]:
    if ANYTHING in rule.partition("[")[0] or rule.endswith("*"):
        yield "the rule is a pattern; an exception is from one rule"
    if rule.partition(".")[0] in FAMILIES and rule not in _KNOWN:
        yield f"there is no rule {rule}"
