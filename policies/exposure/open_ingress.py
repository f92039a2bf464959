"""Security groups let nobody in from everywhere."""

from collections.abc import Iterator

from policies.application import Resource, View
from policies.rule import Rule
from policies.values import EVERYWHERE, at, items


def _check(resource: Resource, view: View) -> Iterator[str]:
    del view
    rules = [dict(resource.properties), *items(resource.properties.get("SecurityGroupIngress"))]
    for rule in rules:
        for key in ("CidrIp", "CidrIpv6"):
            if at(rule, key) in EVERYWHERE:
                yield f"ingress from {at(rule, key)} lets anyone in"


RULE = Rule(
    id="exposure.open-ingress",
    title="No ingress from the whole internet",
    reason="A port that is open to 0.0.0.0/0 is scanned within minutes.",
    source="https://docs.aws.amazon.com/vpc/latest/userguide/vpc-security-groups.html",
    controls=("PDPL-22", "ISO-8.20", "IAR-T4", "ISO-8.22"),
    types=("AWS::EC2::SecurityGroup", "AWS::EC2::SecurityGroupIngress"),
    check=_check,
)
