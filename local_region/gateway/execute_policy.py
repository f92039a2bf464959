"""Whether a policy lets somebody invoke a method.

Source:
    docs.aws.amazon.com/apigateway/latest/developerguide/
    api-gateway-control-access-using-iam-policies-to-invoke-api.html and
    docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic.html (an explicit
    denial wins; nothing said is a denial), read 2026-11-22.
"""

import re
from collections.abc import Iterator, Mapping
from enum import StrEnum
from functools import lru_cache
from typing import Any, Final

INVOKE: Final = "execute-api:Invoke"


class Ruling(StrEnum):
    """What a policy says of one method."""

    ALLOWED = "allowed"
    DENIED = "explicitly denied"
    UNSAID = "not allowed"


def ruling(policy: Mapping[str, Any], method_arn: str) -> Ruling:
    """Say what a policy says of a method.

    Raises:
        ValueError: It is no policy that is understood here.
    """
    said = Ruling.UNSAID
    for statement in _list(policy.get("Statement")):
        if not isinstance(statement, Mapping) or "Condition" in statement:
            raise ValueError("a statement is no object, or has conditions")
        actions = _list(statement.get("Action"))
        if not any(_fits(str(action), INVOKE) for action in actions):
            continue
        if any(_fits(str(wanted), method_arn) for wanted in _list(statement.get("Resource"))):
            if statement.get("Effect") == "Deny":
                return Ruling.DENIED
            if statement.get("Effect") == "Allow":
                said = Ruling.ALLOWED
    return said


def _list(value: object) -> Iterator[Any]:
    yield from value if isinstance(value, list) else () if value is None else (value,)


def _fits(pattern: str, text: str) -> bool:
    return _compiled(pattern).fullmatch(text) is not None


@lru_cache(maxsize=4096)
def _compiled(pattern: str) -> re.Pattern[str]:
    parts = (".*" if c == "*" else "." if c == "?" else re.escape(c) for c in pattern)
    return re.compile("".join(parts), re.DOTALL)
