"""No door to the internet."""

from policies.rule import Rule, forbid

RULE = Rule(
    id="residency.internet-gateway",
    title="No internet gateway",
    reason=(
        "With an internet gateway, any route makes a subnet reach, and be reached from, anywhere."
    ),
    source="https://docs.aws.amazon.com/vpc/latest/userguide/VPC_Internet_Gateway.html",
    controls=("PDPL-22", "ISO-8.20", "IAR-T4", "ISO-8.22"),
    types=(
        "AWS::EC2::InternetGateway",
        "AWS::EC2::EgressOnlyInternetGateway",
        "AWS::EC2::VPCGatewayAttachment",
        "AWS::EC2::VPNGateway",
        "AWS::EC2::CarrierGateway",
    ),
    check=forbid("it opens a way out of the country; reach AWS through VPC endpoints"),
)
