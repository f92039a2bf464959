"""No role can leave the region."""

from collections.abc import Iterator

from policies.application import Resource, View
from policies.rule import Rule


def _check(resource: Resource, view: View) -> Iterator[str]:
    del view
    if not resource.properties.get("PermissionsBoundary"):
        yield "it has no PermissionsBoundary"


RULE = Rule(
    id="iam.boundary",
    title="Every role has a permission boundary",
    reason=(
        "A boundary that denies other regions holds even where a policy is later written too wide."
    ),
    source="https://docs.aws.amazon.com/IAM/latest/UserGuide/access_policies_boundaries.html",
    controls=("ISO-5.15", "ISO-5.18", "ISO-8.2", "IAR-T5", "PDPL-22", "HEALTH-13", "CBUAE-6.1"),
    types=("AWS::IAM::Role", "AWS::IAM::User"),
    check=_check,
)
