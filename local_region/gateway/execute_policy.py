"""Whether policies let somebody invoke a method.

Sources, read 2026-11-22:
    docs.aws.amazon.com/apigateway/latest/developerguide/
    api-gateway-control-access-using-iam-policies-to-invoke-api.html;
    docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic.html (an explicit
    denial wins; nothing said is a denial; a boundary and a session's policy allow only what they
    name as well), …/reference_policies_elements_action.html (actions in any case),
    …/reference_policies_elements_notaction.html, …/reference_policies_elements_resource.html (a
    wildcard stays within its part of an ARN, slashes included; missing parts are any).
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from enum import StrEnum
from functools import lru_cache
from typing import Any, Final

INVOKE: Final = "execute-api:Invoke"
_ARN_PARTS: Final = 6
_EFFECTS: Final = frozenset({"Allow", "Deny"})


class Ruling(StrEnum):
    """What policies say of one method."""

    ALLOWED = "allowed"
    DENIED = "explicitly denied"
    UNSAID = "not allowed"


def ruling(policy: Mapping[str, Any], method_arn: str) -> Ruling:
    """Say what one policy says of a method.

    No condition is looked into: a denial holds whatever its conditions, and an allowance with
    conditions allows nothing. So nobody is let in whom AWS would refuse.

    Raises:
        ValueError: It is no policy that is understood here.
    """
    said = Ruling.UNSAID
    for statement in _list(policy.get("Statement")):
        if not isinstance(statement, Mapping) or statement.get("Effect") not in _EFFECTS:
            raise ValueError("a statement is no object, or neither allows nor denies")
        if not _is_about(statement, method_arn):
            continue
        if statement["Effect"] == "Deny":
            return Ruling.DENIED
        if "Condition" not in statement:
            said = Ruling.ALLOWED
    return said


def combined(
    policies: Iterable[Mapping[str, Any]], bounds: Iterable[Mapping[str, Any]], method_arn: str
) -> Ruling:
    """Say what a caller's own policies say, within every bound set to them.

    Raises:
        ValueError: One of them is no policy that is understood here.
    """
    own = {ruling(policy, method_arn) for policy in policies}
    around = [ruling(policy, method_arn) for policy in bounds]
    if Ruling.DENIED in own or Ruling.DENIED in around:
        return Ruling.DENIED
    is_within = all(each is Ruling.ALLOWED for each in around)
    return Ruling.ALLOWED if Ruling.ALLOWED in own and is_within else Ruling.UNSAID


def _is_about(statement: Mapping[str, Any], method_arn: str) -> bool:
    actions = _either(statement, "Action", lambda wanted: _fits(wanted.lower(), INVOKE.lower()))
    return actions and _either(statement, "Resource", lambda wanted: _names(wanted, method_arn))


def _either(statement: Mapping[str, Any], element: str, holds: Any) -> bool:  # noqa: ANN401 - a test
    """Whether an element names what is asked, or its negation does not.

    Raises:
        ValueError: It has neither, or both.
    """
    negated = f"Not{element}"
    if (element in statement) == (negated in statement):
        raise ValueError(f"a statement has one of {element} and {negated}")
    named = any(holds(str(each)) for each in _list(statement.get(element, statement.get(negated))))
    return named if element in statement else not named


def _names(pattern: str, arn: str) -> bool:
    """Whether a pattern names an ARN, part by part."""
    if pattern == "*":
        return True
    wanted, parts = pattern.split(":", _ARN_PARTS - 1), arn.split(":", _ARN_PARTS - 1)
    wanted += ["*"] * (_ARN_PARTS - len(wanted))
    return all(_fits(each, part) for each, part in zip(wanted, parts, strict=True))


def _list(value: object) -> Iterator[Any]:
    yield from value if isinstance(value, list) else () if value is None else (value,)


def _fits(pattern: str, text: str) -> bool:
    return _compiled(pattern).fullmatch(text) is not None


@lru_cache(maxsize=4096)
def _compiled(pattern: str) -> re.Pattern[str]:
    # Runs of stars count as one: each more would multiply the ways to fail.
    parts = re.sub(r"\*+", "*", pattern)
    written = (".*" if c == "*" else "." if c == "?" else re.escape(c) for c in parts)
    return re.compile("".join(written), re.DOTALL)
