"""Nothing has an address on the internet."""

from collections.abc import Iterator, Mapping
from typing import Final

from policies.application import Resource, View
from policies.rule import Rule
from policies.values import at, is_off, items

_FLAGS: Final = (
    "MapPublicIpOnLaunch",
    "PubliclyAccessible",
    "NetworkConfiguration.AwsvpcConfiguration.AssignPublicIp",
)


def _flags(properties: Mapping[str, object]) -> Iterator[tuple[str, object]]:
    for flag in _FLAGS:
        value = at(properties, flag)
        if not is_off(value) and value != "DISABLED":
            yield flag, value


def _check(resource: Resource, view: View) -> Iterator[str]:
    del view
    kind = "AWS::ElasticLoadBalancingV2::LoadBalancer"
    if resource.type == kind and resource.properties.get("Scheme") != "internal":
        yield "its Scheme is internet-facing (so it is where nothing is said); write internal"
    for path, text in _flags(resource.properties):
        yield f"{path} is {text}"
    interfaces = items(at(resource.properties, "LaunchTemplateData.NetworkInterfaces"))
    for number, interface in enumerate(interfaces):
        if not is_off(at(interface, "AssociatePublicIpAddress")):
            yield f"NetworkInterfaces[{number}] associates a public address"


RULE = Rule(
    id="exposure.public-address",
    title="No public address",
    reason="What has no public address cannot be reached from outside, whatever else is wrong.",
    source="https://docs.aws.amazon.com/vpc/latest/userguide/vpc-ip-addressing.html",
    controls=("PDPL-22", "ISO-8.20", "IAR-T4", "ISO-8.22"),
    types=(
        "AWS::EC2::Subnet",
        "AWS::EC2::Instance",
        "AWS::EC2::LaunchTemplate",
        "AWS::ECS::Service",
        "AWS::ElasticLoadBalancingV2::LoadBalancer",
        "AWS::RDS::DBInstance",
        "AWS::DMS::ReplicationInstance",
    ),
    check=_check,
)
