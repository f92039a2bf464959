"""A service that may call a function says for whom."""

from collections.abc import Iterator
from typing import Final

from policies.application import Resource, View
from policies.rule import Rule

_FOR_WHOM: Final = ("SourceArn", "SourceAccount", "PrincipalOrgID", "EventSourceToken")


def _check(resource: Resource, view: View) -> Iterator[str]:
    del view
    who = str(resource.properties.get("Principal", ""))
    if who.endswith(".amazonaws.com") and not any(map(resource.properties.get, _FOR_WHOM)):
        yield f"{who} may call it for any account; name SourceArn or SourceAccount"


RULE = Rule(
    id="exposure.unbound-service",
    title="No service calls a function on anybody's behalf",
    reason=(
        "A service acts for all its customers: without a source, a bucket or topic of another "
        "account calls the function through it."
    ),
    source="https://docs.aws.amazon.com/IAM/latest/UserGuide/confused-deputy.html",
    controls=("PDPL-20", "ISO-5.15", "ISO-8.3", "IAR-T5"),
    types=("AWS::Lambda::Permission",),
    check=_check,
)
