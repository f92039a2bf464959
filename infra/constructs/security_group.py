"""A security group that lets out what is named, and in what is added."""

from collections.abc import Sequence
from typing import Any, Final

from aws_cdk import aws_ec2 as ec2
from constructs import Construct

TLS: Final = 443

NOWHERE: Final[dict[str, Any]] = {
    "cidr_ip": "127.0.0.1/32",
    "ip_protocol": "tcp",
    "from_port": 1,
    "to_port": 1,
    "description": "Nothing: without a rule, everything would be allowed",
}


class ClosedGroup(Construct):
    """A security group whose every way in and out has a partner and a reason.

    Attributes:
        group: The group.
        id: Its id, a token.
    """

    def __init__(
        self,
        scope: Construct,
        id_: str,
        *,
        vpc_id: str,
        description: str,
        reaches: Sequence[tuple["ClosedGroup", Sequence[int]]] = (),
    ) -> None:
        """Make the group, and let it into those that it reaches.

        Args:
            scope: Where it belongs.
            id_: Its id there.
            vpc_id: The network.
            description: Whose it is.
            reaches: Groups with the TCP ports on which it may call them.
        """
        super().__init__(scope, id_)
        outward: list[dict[str, Any]] = [
            {
                "destination_security_group_id": other.id,
                "ip_protocol": "tcp",
                "from_port": port,
                "to_port": port,
                "description": f"To {other.node.id} on {port}",
            }
            for other, ports in reaches
            for port in ports
        ]
        self.group = ec2.CfnSecurityGroup(
            self,
            "Resource",
            group_description=description,
            vpc_id=vpc_id,
            security_group_egress=[
                ec2.CfnSecurityGroup.EgressProperty(**rule) for rule in outward or [NOWHERE]
            ],
        )
        self.id: str = self.group.attr_group_id
        for other, ports in reaches:
            for port in ports:
                other.let_in(self, port)

    def let_in(self, other: "ClosedGroup", port: int) -> None:
        """Let another group in on a port."""
        ec2.CfnSecurityGroupIngress(
            self,
            f"From{other.node.id}{port}",
            group_id=self.id,
            source_security_group_id=other.id,
            ip_protocol="tcp",
            from_port=port,
            to_port=port,
            description=f"From {other.node.id} on {port}",
        )

    def let_in_network(self, cidr: str, port: int) -> None:
        """Let a network in on a port."""
        ec2.CfnSecurityGroupIngress(
            self,
            f"From{cidr.translate(str.maketrans('./', '--'))}Port{port}",
            group_id=self.id,
            cidr_ip=cidr,
            ip_protocol="tcp",
            from_port=port,
            to_port=port,
            description=f"From {cidr} on {port}",
        )
