"""Security groups let nothing out but to private networks."""

from collections.abc import Iterator

from policies.application import Resource, View
from policies.references import undecided
from policies.rule import Rule
from policies.values import at, is_private, items


def _check(resource: Resource, view: View) -> Iterator[str]:
    if resource.type == "AWS::EC2::SecurityGroupEgress":
        rules = [dict(resource.properties)]
    elif resource.type == "AWS::EC2::PrefixList":
        rules = [
            {"CidrIp": at(entry, "Cidr")} for entry in items(resource.properties.get("Entries"))
        ]
    else:
        rules = items(resource.properties.get("SecurityGroupEgress"))
        if not rules:
            yield "without SecurityGroupEgress all egress is allowed; name what is needed"
    for rule in rules:
        for key in ("CidrIp", "CidrIpv6"):
            cidr = str(at(rule, key) or "")
            is_ours = "${" in cidr and not undecided(cidr, view)
            if cidr and not is_ours and not is_private(cidr):
                yield f"egress to {cidr} reaches beyond private networks"


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
    types=(
        "AWS::EC2::SecurityGroup",
        "AWS::EC2::SecurityGroupEgress",
        "AWS::EC2::PrefixList",
    ),
    check=_check,
)
