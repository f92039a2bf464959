"""No other account is let in."""

import re
from collections.abc import Iterator
from typing import Final

from policies.application import Resource, View
from policies.rule import Rule
from policies.statements import RESOURCE, TRUST, statements

_ACCOUNT: Final = re.compile(r"(?<!\d)\d{12}(?!\d)")


def _check(resource: Resource, view: View) -> Iterator[str]:
    said = [
        who
        for places in (RESOURCE, TRUST)
        for statement in statements(resource, places)
        if statement.is_allow
        for kind, who in statement.principals
        if kind in {"AWS", "*"}
    ]
    for kind, who in _kinds(resource):
        if kind == "CanonicalUser":
            yield f"canonical user {who} belongs to an account that nobody can tell; name an ARN"
    for who in (*said, str(resource.properties.get("Principal", ""))):
        for account in _ACCOUNT.findall(who):
            if view.is_foreign(account):
                yield f"{who} is account {account}, which is not this one"


def _kinds(resource: Resource) -> Iterator[tuple[str, str]]:
    for statement in statements(resource, RESOURCE):
        if statement.is_allow:
            yield from statement.principals


RULE = Rule(
    id="exposure.foreign-principal",
    title="No principal of another account",
    reason="What another account may use, another operator answers for.",
    source=(
        "https://docs.aws.amazon.com/IAM/latest/UserGuide/"
        "access_policies-cross-account-resource-access.html"
    ),
    controls=("PDPL-20", "ISO-5.15", "ISO-8.3", "IAR-T5", "CBUAE-6.3"),
    types=(
        "AWS::IAM::Role",
        *(type_ for type_ in RESOURCE if type_ != "AWS::EC2::VPCEndpoint"),
        "AWS::Lambda::Permission",
        "AWS::Lambda::LayerVersionPermission",
    ),
    check=_check,
)
