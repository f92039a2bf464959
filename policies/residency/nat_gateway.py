"""No way out through address translation."""

from policies.rule import Rule, forbid

RULE = Rule(
    id="residency.nat-gateway",
    title="No NAT gateway",
    reason="A NAT gateway lets every private subnet behind it call any address in the world.",
    source="https://docs.aws.amazon.com/vpc/latest/userguide/vpc-nat-gateway.html",
    controls=("PDPL-22", "ISO-8.20", "IAR-T4", "ISO-8.12"),
    types=("AWS::EC2::NatGateway", "AWS::EC2::EIP", "AWS::EC2::EIPAssociation"),
    check=forbid("it lets private subnets call anywhere; use VPC endpoints"),
)
