"""Rights are named one by one."""

from collections.abc import Iterator

from policies.application import Resource, View
from policies.rule import Rule
from policies.statements import IDENTITY, is_boundary, statements


def _check(resource: Resource, view: View) -> Iterator[str]:
    del view
    for statement in statements(resource, IDENTITY):
        if statement.is_allow and not is_boundary(resource):
            for action in statement.actions:
                if "*" in action or "?" in action:
                    yield f"{action} is allowed; name the actions"
            if statement.but_actions:
                yield f"NotAction allows everything but {', '.join(statement.but_actions)}"


RULE = Rule(
    id="iam.wildcard-action",
    title="No wildcard in allowed actions",
    reason="A wildcard gives rights that AWS has not even invented yet.",
    source="https://docs.aws.amazon.com/IAM/latest/UserGuide/best-practices.html",
    controls=("ISO-5.15", "ISO-5.18", "ISO-8.2", "IAR-T5"),
    types=tuple(IDENTITY),
    check=_check,
)
