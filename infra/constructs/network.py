"""A network without a way out: isolated subnets, and endpoints for exactly what is called."""

from collections.abc import Sequence
from ipaddress import IPv4Network
from typing import Final

from aws_cdk import Fn, aws_ec2 as ec2, aws_logs as logs
from constructs import Construct

from falaj.contract import REGION
from infra.constructs.endpoints import Endpoint
from infra.constructs.flow_log import log_flows

CIDR: Final = "10.42.0.0/16"
SUBNET_PREFIX: Final = 20
"""4,096 addresses in each zone, fifteen further subnets of the same size to spare."""

HTTPS: Final = 443


class Network(Construct):
    """A VPC of one isolated subnet in each zone; no internet gateway, no NAT, no default route.

    What joins `callers` reaches the endpoints over TLS and nothing else. All endpoints are
    interface endpoints, S3's and DynamoDB's too: a security group can name them, which it cannot
    do with a gateway endpoint's prefix list without looking it up.

    Attributes:
        vpc: The VPC.
        subnets: One in each zone, in the order of the zone ids.
        callers: Security group for whatever calls AWS.
        endpoints: Interface endpoints by service.

    Source:
        docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-ec2-subnet.html
        (AvailabilityZoneId), …/aws-resource-ec2-vpcendpoint.html (DnsOptions: without
        PrivateDnsOnlyForInboundResolverEndpoint, S3's private names answer in the VPC itself),
        read 2026-11-22.
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
        super().__init__(scope, id_)
        self.vpc = ec2.CfnVPC(
            self, "Vpc", cidr_block=cidr, enable_dns_support=True, enable_dns_hostnames=True
        )
        blocks = IPv4Network(cidr).subnets(new_prefix=SUBNET_PREFIX)
        self.subnets = tuple(
            self._subnet(az_id, str(block)) for az_id, block in zip(az_ids, blocks, strict=False)
        )
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
                    from_port=HTTPS,
                    to_port=HTTPS,
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
            from_port=HTTPS,
            to_port=HTTPS,
            source_security_group_id=self.callers.attr_group_id,
            description="From the callers",
        )
        self.endpoints = {endpoint.service: self._endpoint(endpoint) for endpoint in endpoints}
        log_flows(
            self,
            vpc_id=self.vpc.ref,
            group=flow_logs.ref,
            streams=flow_logs.attr_arn,
            role_id="FlowLogRole",
            sid="WriteOwnLogs",
        )

    @property
    def dynamodb_url(self) -> str:
        """Address for `AWS_ENDPOINT_URL_DYNAMODB`; DynamoDB's endpoint has no private names.

        Source:
            docs.aws.amazon.com/amazondynamodb/latest/developerguide/
            privatelink-interface-endpoints.html (endpoint-specific DNS names) and
            docs.aws.amazon.com/sdkref/latest/guide/feature-ss-endpoints.html.
        """
        first = Fn.select(0, self.endpoints["dynamodb"].attr_dns_entries)
        return Fn.join("", ["https://", Fn.select(1, Fn.split(":", first))])

    def _subnet(self, az_id: str, block: str) -> ec2.CfnSubnet:
        zone = az_id.rpartition("-")[2].capitalize()
        subnet = ec2.CfnSubnet(
            self,
            f"Subnet{zone}",
            vpc_id=self.vpc.ref,
            availability_zone_id=az_id,
            cidr_block=block,
            map_public_ip_on_launch=False,
        )
        # Without a table of its own it would follow the main one, whatever that one day holds.
        table = ec2.CfnRouteTable(self, f"Routes{zone}", vpc_id=self.vpc.ref)
        ec2.CfnSubnetRouteTableAssociation(
            self, f"Routing{zone}", route_table_id=table.ref, subnet_id=subnet.ref
        )
        return subnet

    def _endpoint(self, endpoint: Endpoint) -> ec2.CfnVPCEndpoint:
        name = "".join(part.capitalize() for part in endpoint.service.replace("-", ".").split("."))
        return ec2.CfnVPCEndpoint(
            self,
            f"To{name}",
            vpc_id=self.vpc.ref,
            service_name=f"com.amazonaws.{REGION}.{endpoint.service}",
            vpc_endpoint_type="Interface",
            private_dns_enabled=endpoint.service != "dynamodb",
            subnet_ids=[subnet.ref for subnet in self.subnets],
            security_group_ids=[self._doors.attr_group_id],
            policy_document=endpoint.policy(),
            dns_options=_S3_NAMES if endpoint.service == "s3" else None,
        )


_S3_NAMES: Final = ec2.CfnVPCEndpoint.DnsOptionsSpecificationProperty(
    private_dns_only_for_inbound_resolver_endpoint="AllResolvers"
)


def _tls(cidr: str, description: str) -> ec2.CfnSecurityGroup.EgressProperty:
    return ec2.CfnSecurityGroup.EgressProperty(
        ip_protocol="tcp",
        from_port=HTTPS,
        to_port=HTTPS,
        cidr_ip=cidr,
        description=description,
    )
