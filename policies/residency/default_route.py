"""Routes stay within private networks."""

from collections.abc import Iterator
from typing import Final

from policies.application import Resource, View
from policies.references import undecided
from policies.rule import Rule
from policies.values import is_private

_WAYS_OUT: Final = (
    "NatGatewayId",
    "TransitGatewayId",
    "VpcPeeringConnectionId",
    "EgressOnlyInternetGatewayId",
    "CarrierGatewayId",
    "LocalGatewayId",
    "CoreNetworkArn",
)
_GATEWAYS: Final = ("igw-", "vgw-", "eigw-")


def _check(resource: Resource, view: View) -> Iterator[str]:
    for key in ("DestinationCidrBlock", "DestinationIpv6CidrBlock"):
        cidr = str(resource.properties.get(key, ""))
        is_ours = "${" in cidr and not undecided(cidr, view)
        if cidr and not is_ours and not is_private(cidr):
            yield f"{key} is {cidr}: what goes there leaves the network"
    for key in _WAYS_OUT:
        if resource.properties.get(key):
            yield f"{key} leads to networks that these rules do not see"
    if str(resource.properties.get("GatewayId", "")).startswith(_GATEWAYS):
        yield f"GatewayId {resource.properties['GatewayId']} is a way out of the network"


RULE = Rule(
    id="residency.default-route",
    title="No route out of private networks",
    reason=(
        "A route to 0.0.0.0/0, or to any public range, sends what is not local out of the network."
    ),
    source="https://docs.aws.amazon.com/vpc/latest/userguide/VPC_Route_Tables.html",
    controls=("PDPL-22", "ISO-8.20", "IAR-T4"),
    types=("AWS::EC2::Route", "AWS::EC2::TransitGatewayRoute", "AWS::EC2::LocalGatewayRoute"),
    check=_check,
)
