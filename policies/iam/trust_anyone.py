"""A role is taken by those it names."""

from collections.abc import Iterator

from policies.application import Resource, View
from policies.rule import Rule
from policies.statements import TRUST, statements


def _check(resource: Resource, view: View) -> Iterator[str]:
    del view
    for statement in statements(resource, TRUST):
        if statement.is_allow and statement.is_open:
            yield "its trust policy names * as principal"


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
