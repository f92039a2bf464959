"""No role can leave the region."""

from collections.abc import Iterator

from falaj.contract import BOUNDARY_PATH, REGION
from policies.application import Resource, View
from policies.rule import Rule
from policies.statements import IDENTITY, Statement, is_boundary, statements
from policies.values import at


def _check(resource: Resource, view: View) -> Iterator[str]:
    if resource.type == "AWS::IAM::ManagedPolicy":
        written = [*statements(resource, IDENTITY)]
        if is_boundary(resource) and not any(map(_denies_elsewhere, written)):
            yield f"it is a boundary, and does not deny what is not in {REGION}"
        return
    bound = str(resource.properties.get("PermissionsBoundary") or "")
    if not bound:
        yield "it has no PermissionsBoundary"
    elif f":policy{BOUNDARY_PATH}" not in bound and not _is_ours(bound, view):
        yield f"its PermissionsBoundary {bound} is none that is known to deny other regions"


def _is_ours(bound: str, view: View) -> bool:
    return any(
        is_boundary(policy) and bound in {f"${{{policy.id}}}", f"${{{policy.id}.PolicyArn}}"}
        for policy in view.of_type("AWS::IAM::ManagedPolicy")
    )


def _denies_elsewhere(statement: Statement) -> bool:
    return (
        not statement.is_allow
        and statement.actions == ("*",)
        and statement.resources == ("*",)
        and list(statement.conditions) == ["StringNotEquals"]
        and at(statement.conditions, "StringNotEquals") == {"aws:RequestedRegion": REGION}
    )


RULE = Rule(
    id="iam.boundary",
    title="Every role has a permission boundary that denies other regions",
    reason=(
        "A boundary that denies other regions holds even where a policy is later written too wide."
    ),
    source="https://docs.aws.amazon.com/IAM/latest/UserGuide/access_policies_boundaries.html",
    controls=("ISO-5.15", "ISO-5.18", "ISO-8.2", "IAR-T5", "PDPL-22", "HEALTH-13", "CBUAE-6.1"),
    types=("AWS::IAM::Role", "AWS::IAM::User", "AWS::IAM::ManagedPolicy"),
    check=_check,
)
