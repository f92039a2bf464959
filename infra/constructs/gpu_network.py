"""The network of GPU services: no way out, and a way to each service of AWS that is called."""

import ipaddress
from typing import Final

from aws_cdk import Fn, aws_ec2 as ec2
from constructs import Construct

from falaj.contract import GRPC_PORT, HTTP_PORT
from infra.config.deployment import Deployment
from infra.constructs.endpoints import own_callers_only
from infra.constructs.flow_log import log_flows
from infra.constructs.function_role import sub
from infra.constructs.kept_logs import KeptLogs
from infra.constructs.security_group import TLS, ClosedGroup

SUBNET_BITS: Final = 4
"""Bits by which a subnet is smaller than the network: sixteen of them, in a /16 4,091 addresses."""

GRPC_TLS: Final = 8443
"""Where the load balancer takes gRPC."""

INTERFACES: Final = (
    "ecs",
    "ecs-agent",
    "ecs-telemetry",
    "ecr.api",
    "ecr.dkr",
    "kms",
    "lambda",
    "logs",
    "s3",
    "ssm",
)
"""Services with an address in the network: what agents, tasks and breakers call.

S3 has one too, though a gateway would cost nothing: a security group can only name the gateway's
addresses by a prefix list, whose id differs between regions and is not known when the stacks are
made.

Source: docs.aws.amazon.com/AmazonECR/latest/userguide/vpc-endpoints.html and
docs.aws.amazon.com/AmazonECS/latest/developerguide/vpc-endpoints.html.
"""


class GpuNetwork(Construct):
    """A VPC of isolated subnets, one in each configured zone.

    Attributes:
        vpc_id: The network.
        subnets: Subnet ids by zone id.
        link: Group of API Gateway's link.
        breaker: Group of the functions in front of services.
        balancer: Group of the load balancer.
        tasks: Group of the replicas.
        instances: Group of the machines.
    """

    def __init__(
        self, scope: Construct, id_: str, *, deployment: Deployment, key_arn: str | None
    ) -> None:
        """Make the network.

        Args:
            scope: Where it belongs.
            id_: Its id there.
            deployment: Zones and addresses.
            key_arn: The customer's key for the flow log; None for CloudWatch's own.
        """
        super().__init__(scope, id_)
        vpc = ec2.CfnVPC(
            self,
            "Vpc",
            cidr_block=deployment.gpu.cidr,
            enable_dns_support=True,
            enable_dns_hostnames=True,
        )
        self.vpc_id = vpc.attr_vpc_id
        self._tables: list[str] = []
        whole = ipaddress.IPv4Network(deployment.gpu.cidr)
        parts = list(whole.subnets(prefixlen_diff=SUBNET_BITS))
        # By the zone's number, so that a zone that comes or goes moves no other's addresses.
        self.subnets = {
            zone: self._subnet(zone, str(parts[int(zone.rpartition("az")[2])]))
            for zone in deployment.az_ids
        }
        endpoints = self._group("Endpoints", "Interface endpoints")
        self.tasks = self._group("Tasks", "Replicas of GPU services", (endpoints, (TLS,)))
        self.instances = self._group("Instances", "GPU machines", (endpoints, (TLS,)))
        self.balancer = self._group(
            "Balancer", "Load balancer of GPU services", (self.tasks, (HTTP_PORT, GRPC_PORT))
        )
        self.link = self._group("Link", "Link of API Gateway", (self.balancer, (TLS,)))
        self.breaker = self._group(
            "Breakers", "Functions before services", (self.balancer, (TLS,)), (endpoints, (TLS,))
        )
        for cidr in deployment.gpu.clients:
            self.balancer.let_in_network(cidr, GRPC_TLS)
        self._endpoints(endpoints)
        self._flow_log(deployment, key_arn)

    def _group(
        self, id_: str, description: str, *reaches: tuple[ClosedGroup, tuple[int, ...]]
    ) -> ClosedGroup:
        return ClosedGroup(self, id_, vpc_id=self.vpc_id, description=description, reaches=reaches)

    def _subnet(self, zone: str, cidr: str) -> str:
        name = zone.rpartition("-")[2].capitalize()
        subnet = ec2.CfnSubnet(
            self,
            f"Subnet{name}",
            vpc_id=self.vpc_id,
            cidr_block=cidr,
            availability_zone_id=zone,
            map_public_ip_on_launch=False,
        )
        table = ec2.CfnRouteTable(self, f"Routes{name}", vpc_id=self.vpc_id)
        ec2.CfnSubnetRouteTableAssociation(
            self,
            f"RoutesOf{name}",
            route_table_id=table.attr_route_table_id,
            subnet_id=subnet.attr_subnet_id,
        )
        self._tables.append(table.attr_route_table_id)
        return subnet.attr_subnet_id

    def _endpoints(self, group: ClosedGroup) -> None:
        for service in INTERFACES:
            ec2.CfnVPCEndpoint(
                self,
                f"To{''.join(word.capitalize() for word in service.replace('.', '-').split('-'))}",
                vpc_id=self.vpc_id,
                service_name=Fn.sub(f"com.amazonaws.${{AWS::Region}}.{service}"),
                vpc_endpoint_type="Interface",
                private_dns_enabled=True,
                subnet_ids=list(self.subnets.values()),
                security_group_ids=[group.id],
                dns_options=_every_resolver() if service == "s3" else None,
                policy_document=own_callers_only(service),
            )
        ec2.CfnVPCEndpoint(
            self,
            "ToDynamodb",
            vpc_id=self.vpc_id,
            service_name=Fn.sub("com.amazonaws.${AWS::Region}.dynamodb"),
            vpc_endpoint_type="Gateway",
            route_table_ids=self._tables,
            policy_document=own_callers_only("dynamodb"),
        )

    def _flow_log(self, deployment: Deployment, key_arn: str | None) -> None:
        logs = KeptLogs(self, "Flow", settings=deployment.settings, key_arn=key_arn)
        streams = sub(
            "arn:${AWS::Partition}:logs:${AWS::Region}:${AWS::AccountId}:log-group:${Group}:*",
            Group=logs.group.ref,
        )
        log_flows(
            self,
            vpc_id=self.vpc_id,
            group=logs.group.ref,
            streams=streams,
            role_id="FlowRole",
            sid="WriteFlows",
        )


def _every_resolver() -> ec2.CfnVPCEndpoint.DnsOptionsSpecificationProperty:
    """Let programs in the network find S3's endpoint by S3's own names.

    Source: docs.aws.amazon.com/AmazonS3/latest/userguide/privatelink-interface-endpoints.html.
    """
    return ec2.CfnVPCEndpoint.DnsOptionsSpecificationProperty(
        private_dns_only_for_inbound_resolver_endpoint="AllResolvers"
    )
