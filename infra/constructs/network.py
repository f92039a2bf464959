"""A network without a way out: isolated subnets, and endpoints for exactly what is called."""

from collections.abc import Mapping
from typing import Any, Final

from aws_cdk import Fn, aws_ec2 as ec2, aws_logs as logs
from constructs import Construct

from falaj.contract import REGION
from infra.constructs.flow_log import log_flows

_WITHOUT_PRIVATE_NAMES: Final = "dynamodb"


class Network(Construct):
    """A VPC of one isolated subnet in each zone; no internet gateway, no NAT, no default route.

    Whoever makes one adds its groups and endpoints. S3's endpoint is an interface, too: a security
    group can name it, which it cannot do with a gateway's prefix list without looking it up.

    Attributes:
        vpc: The VPC.
        subnets: Subnet ids by zone id, in the order of the zones given.

    Source:
        docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-ec2-subnet.html
        (AvailabilityZoneId), …/aws-resource-ec2-vpcendpoint.html (DnsOptions: without
        PrivateDnsOnlyForInboundResolverEndpoint, S3's private names answer in the VPC itself),
        read 2026-11-22.
    """

    def __init__(self, scope: Construct, id_: str, *, cidr: str, blocks: Mapping[str, str]) -> None:
        """Make the network.

        Args:
            scope: Where it belongs.
            id_: Its id there.
            cidr: The VPC's addresses.
            blocks: Each subnet's addresses by its zone's id, `mec1-az1`.
        """
        super().__init__(scope, id_)
        self.vpc = ec2.CfnVPC(
            self, "Vpc", cidr_block=cidr, enable_dns_support=True, enable_dns_hostnames=True
        )
        self._tables: list[str] = []
        self.subnets = {zone: self._subnet(zone, block) for zone, block in blocks.items()}

    def add_endpoint(
        self, service: str, *, group_id: str, policy: Mapping[str, Any]
    ) -> ec2.CfnVPCEndpoint:
        """Give a service of AWS an address in every subnet.

        Args:
            service: As in `com.amazonaws.me-central-1.<service>`.
            group_id: The security group that says who reaches it.
            policy: What it may be used for.
        """
        return ec2.CfnVPCEndpoint(
            self,
            _endpoint_id(service),
            vpc_id=self.vpc.ref,
            service_name=f"com.amazonaws.{REGION}.{service}",
            vpc_endpoint_type="Interface",
            private_dns_enabled=service != _WITHOUT_PRIVATE_NAMES,
            subnet_ids=list(self.subnets.values()),
            security_group_ids=[group_id],
            policy_document=policy,
            dns_options=_S3_NAMES if service == "s3" else None,
        )

    def add_gateway(self, service: str, *, policy: Mapping[str, Any]) -> None:
        """Lead every subnet to a service by its routes, which costs nothing."""
        ec2.CfnVPCEndpoint(
            self,
            _endpoint_id(service),
            vpc_id=self.vpc.ref,
            service_name=f"com.amazonaws.{REGION}.{service}",
            vpc_endpoint_type="Gateway",
            route_table_ids=self._tables,
            policy_document=policy,
        )

    def log_flows(self, group: logs.CfnLogGroup) -> None:
        """Write accepted and refused connections into a group."""
        log_flows(self, vpc_id=self.vpc.ref, group=group.ref, streams=group.attr_arn)

    def _subnet(self, az_id: str, block: str) -> str:
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
        self._tables.append(table.ref)
        return subnet.ref


def endpoint_url(endpoint: ec2.CfnVPCEndpoint) -> str:
    """Return the address of an endpoint without private names, as DynamoDB's is.

    Source:
        docs.aws.amazon.com/amazondynamodb/latest/developerguide/
        privatelink-interface-endpoints.html (endpoint-specific DNS names) and
        docs.aws.amazon.com/sdkref/latest/guide/feature-ss-endpoints.html.
    """
    first = Fn.select(0, endpoint.attr_dns_entries)
    return Fn.join("", ["https://", Fn.select(1, Fn.split(":", first))])


_S3_NAMES: Final = ec2.CfnVPCEndpoint.DnsOptionsSpecificationProperty(
    private_dns_only_for_inbound_resolver_endpoint="AllResolvers"
)
"""Let programs in the network find S3's endpoint by S3's own names.

Source: docs.aws.amazon.com/AmazonS3/latest/userguide/privatelink-interface-endpoints.html.
"""


def _endpoint_id(service: str) -> str:
    return f"To{''.join(word.capitalize() for word in service.replace('-', '.').split('.'))}"
