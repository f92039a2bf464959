"""The network is joined to none elsewhere."""

from policies.rule import Rule, forbid

RULE = Rule(
    id="residency.network-peering",
    title="No peering with another region or account",
    reason="Peering and transit gateways carry packets to networks that these rules do not see.",
    source="https://docs.aws.amazon.com/vpc/latest/peering/what-is-vpc-peering.html",
    controls=("PDPL-22", "ISO-8.20", "IAR-T4"),
    types=(
        "AWS::EC2::VPCPeeringConnection",
        "AWS::EC2::TransitGateway*",
        "AWS::EC2::VPNConnection",
        "AWS::EC2::CustomerGateway",
        "AWS::EC2::ClientVpn*",
        "AWS::EC2::IPAM*",
        "AWS::EC2::TrafficMirror*",
        "AWS::RAM::ResourceShare",
        "AWS::NetworkManager::*",
        "AWS::DirectConnect::*",
    ),
    check=forbid("it joins this network to another one"),
)
