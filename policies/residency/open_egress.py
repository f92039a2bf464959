"""Security groups let nothing out but what is named."""

from collections.abc import Iterator

from policies.application import Resource, View
from policies.rule import Rule
from policies.values import EVERYWHERE, at, items


def _check(resource: Resource, view: View) -> Iterator[str]:
    del view
    if resource.type == "AWS::EC2::SecurityGroupEgress":
        rules = [dict(resource.properties)]
    else:
        rules = items(resource.properties.get("SecurityGroupEgress"))
        if not rules:
            yield "without SecurityGroupEgress all egress is allowed; name what is needed"
    for rule in rules:
        for key in ("CidrIp", "CidrIpv6"):
            if at(rule, key) in EVERYWHERE:
                yield f"egress to {at(rule, key)} reaches the whole world"


RULE = Rule(
    id="residency.open-egress",
    title="No open egress",
    reason=(
        "A security group that allows all egress, as one does where nothing is said, lets "
        "code call any address."
    ),
    source=(
        "https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/"
        "aws-resource-ec2-securitygroup.html"
    ),
    controls=("PDPL-22", "ISO-8.20", "IAR-T4", "ISO-8.12"),
    types=("AWS::EC2::SecurityGroup", "AWS::EC2::SecurityGroupEgress"),
    check=_check,
)
