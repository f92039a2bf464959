"""Each function has its own role."""

from collections.abc import Iterator

from policies.application import Resource, View
from policies.rule import Rule


def _check(resource: Resource, view: View) -> Iterator[str]:
    role = resource.properties.get("Role")
    for other in view.of_type(resource.type):
        if other.id != resource.id and role and other.properties.get("Role") == role:
            yield f"{other.id} has the same role"


RULE = Rule(
    id="iam.shared-role",
    title="No two functions share a role",
    reason=(
        "Functions that share a role have each other's rights, and the trail cannot tell them"
        " apart."
    ),
    source="https://docs.aws.amazon.com/lambda/latest/dg/lambda-permissions.html",
    controls=("ISO-5.15", "ISO-5.18", "ISO-8.2", "IAR-T5", "ISO-8.15"),
    types=("AWS::Lambda::Function",),
    check=_check,
)
