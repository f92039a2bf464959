"""A role is taken by those it names."""

from collections.abc import Iterator

from policies.application import Resource, View
from policies.rule import Rule
from policies.statements import TRUST, narrowed_by, statements


def _check(resource: Resource, view: View) -> Iterator[str]:
    del view
    for statement in statements(resource, TRUST):
        if not statement.is_allow:
            continue
        if statement.is_open or any(
            "*" in who for kind, who in statement.principals if kind == "AWS"
        ):
            yield "its trust policy names * as principal"
        outside = [who for kind, who in statement.principals if kind == "Federated"]
        if outside and not any(key.endswith(":sub") for key in narrowed_by(statement)):
            yield f"whoever {', '.join(outside)} signs in may take it; name the subject (:sub)"


RULE = Rule(
    id="iam.trust-anyone",
    title="No role that anyone may take",
    reason="A trust policy with a wildcard lets any account in the world become this role.",
    source=(
        "https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_create_for-user_externalid.html"
    ),
    controls=("ISO-5.15", "ISO-5.18", "ISO-8.2", "IAR-T5", "ISO-8.3"),
    types=("AWS::IAM::Role",),
    check=_check,
)
