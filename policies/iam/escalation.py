"""No role can make itself stronger."""

import re
from collections.abc import Iterator
from typing import Final

from policies.application import Resource, View
from policies.rule import Rule
from policies.statements import IDENTITY, is_boundary, statements

_GRANTS: Final = re.compile(
    r"(?i)iam:(?:Create|Attach|Put|Update|Add|Set|Delete|Detach|Remove)"
    r"\w*(?:Policy|PolicyVersion|AccessKey|LoginProfile|User\w*|Role|Boundary)$"
    r"|sts:AssumeRole$|lambda:(?:UpdateFunctionCode|AddPermission)$|kms:PutKeyPolicy$"
)

_ANY_ROLE: Final = re.compile(r".*[*?]$|^[*?]+$").match


def _check(resource: Resource, view: View) -> Iterator[str]:
    del view
    for statement in statements(resource, IDENTITY):
        if statement.is_allow and not is_boundary(resource):
            for action in statement.actions:
                if _GRANTS.match(action):
                    yield f"{action} lets it give itself any right"
                elif action.lower() == "iam:passrole" and any(map(_ANY_ROLE, statement.resources)):
                    yield "iam:PassRole on every role lets it act as any of them"


RULE = Rule(
    id="iam.escalation",
    title="No right to grant rights",
    reason=(
        "Whoever may write policies, or pass any role to a function, holds every right of the"
        " account."
    ),
    source="https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_use_passrole.html",
    controls=("ISO-5.15", "ISO-5.18", "ISO-8.2", "IAR-T5"),
    types=tuple(IDENTITY),
    check=_check,
)
