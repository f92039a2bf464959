"""The network that functions run in."""

from collections.abc import Sequence
from ipaddress import IPv4Network
from typing import Final

from aws_cdk import aws_ec2 as ec2, aws_logs as logs
from constructs import Construct

from infra.constructs.endpoints import Endpoint
from infra.constructs.network import Network, endpoint_url
from infra.constructs.security_group import TLS

CIDR: Final = "10.42.0.0/16"
SUBNET_PREFIX: Final = 20
"""4,096 addresses in each zone, fifteen further subnets of the same size to spare."""


class FunctionNetwork(Network):
    """A network in which whatever joins `callers` reaches the endpoints over TLS, nothing else.

    DynamoDB has an interface here as well, since functions may not reach a gateway's addresses.

    Attributes:
        callers: Security group for whatever calls AWS.
        endpoints: Interface endpoints by service.
    """

    def __init__(
        self,
        scope: Construct,
        id_: str,
        *,
        az_ids: Sequence[str],
        endpoints: Sequence[Endpoint],
        flow_logs: logs.CfnLogGroup,
        cidr: str = CIDR,
    ) -> None:
        """Make the network.

        Args:
            scope: Where it belongs.
            id_: Its id there.
            az_ids: Zone ids, `mec1-az1`.
            endpoints: What can be reached, and for what.
            flow_logs: Where accepted and refused connections are written.
            cidr: The VPC's addresses; one subnet of /20 is cut for each zone.
        """
        blocks = map(str, IPv4Network(cidr).subnets(new_prefix=SUBNET_PREFIX))
        super().__init__(scope, id_, cidr=cidr, blocks=dict(zip(az_ids, blocks, strict=False)))
        self._doors = ec2.CfnSecurityGroup(
            self,
            "Endpoints",
            group_description="Endpoints: TLS from inside",
            vpc_id=self.vpc.ref,
            # Answers need no rule; an endpoint begins no connection. None at all would mean every.
            security_group_egress=[_tls(cidr, "Answers only")],
        )
        self.callers = ec2.CfnSecurityGroup(
            self,
            "Callers",
            group_description="Callers of AWS: TLS to the endpoints",
            vpc_id=self.vpc.ref,
            security_group_egress=[
                ec2.CfnSecurityGroup.EgressProperty(
                    ip_protocol="tcp",
                    from_port=TLS,
                    to_port=TLS,
                    destination_security_group_id=self._doors.attr_group_id,
                    description="To the endpoints",
                )
            ],
        )
        ec2.CfnSecurityGroupIngress(
            self,
            "FromCallers",
            group_id=self._doors.attr_group_id,
            ip_protocol="tcp",
            from_port=TLS,
            to_port=TLS,
            source_security_group_id=self.callers.attr_group_id,
            description="From the callers",
        )
        self.endpoints = {
            endpoint.service: self.add_endpoint(
                endpoint.service, group_id=self._doors.attr_group_id, policy=endpoint.policy()
            )
            for endpoint in endpoints
        }
        self.log_flows(flow_logs)

    @property
    def dynamodb_url(self) -> str:
        """Address for `AWS_ENDPOINT_URL_DYNAMODB`."""
        return endpoint_url(self.endpoints["dynamodb"])


def _tls(cidr: str, description: str) -> ec2.CfnSecurityGroup.EgressProperty:
    return ec2.CfnSecurityGroup.EgressProperty(
        ip_protocol="tcp", from_port=TLS, to_port=TLS, cidr_ip=cidr, description=description
    )
