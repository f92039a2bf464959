"""No route to everywhere."""

from collections.abc import Iterator

from policies.application import Resource, View
from policies.rule import Rule
from policies.values import EVERYWHERE


def _check(resource: Resource, view: View) -> Iterator[str]:
    del view
    for key in ("DestinationCidrBlock", "DestinationIpv6CidrBlock"):
        if resource.properties.get(key) in EVERYWHERE:
            yield f"{key} is {resource.properties[key]}: everything that is not local leaves"


RULE = Rule(
    id="residency.default-route",
    title="No route to the internet",
    reason="A route to 0.0.0.0/0 sends whatever is not local out of the network.",
    source="https://docs.aws.amazon.com/vpc/latest/userguide/VPC_Route_Tables.html",
    controls=("PDPL-22", "ISO-8.20", "IAR-T4"),
    types=("AWS::EC2::Route", "AWS::EC2::TransitGatewayRoute"),
    check=_check,
)
