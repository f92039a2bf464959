"""The network of GPU services: no way out, and a way to each service of AWS that is called."""

import ipaddress
from typing import Final

from constructs import Construct

from falaj.contract import GRPC_PORT, HTTP_PORT
from infra.config.deployment import Deployment
from infra.constructs.endpoints import own_callers_only
from infra.constructs.kept_logs import KeptLogs
from infra.constructs.network import Network, endpoint_url
from infra.constructs.security_group import TLS, ClosedGroup

SUBNET_BITS: Final = 4
"""Bits by which a subnet is smaller than the network: sixteen of them, in a /16 4,091 addresses."""

GRPC_TLS: Final = 8443
"""Where the load balancer takes gRPC."""

OF_MACHINES: Final = ("ecs-agent", "ecs-telemetry")
"""What the agent of a machine of ours calls; Fargate's is not in this network."""

INTERFACES: Final = (
    "ecs",
    *OF_MACHINES,
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


class GpuNetwork(Network):
    """A network with a group for each part of a GPU service, each open to its callers only.

    Attributes:
        link: Group of API Gateway's link.
        breaker: Group of the functions in front of services.
        balancer: Group of the load balancer.
        tasks: Group of the replicas.
        instances: Group of the machines; empty where Fargate has them all.
        dynamodb_url: Address of DynamoDB for replicas; empty where they count nobody.
    """

    def __init__(
        self,
        scope: Construct,
        id_: str,
        *,
        deployment: Deployment,
        key_arn: str | None,
        has_machines: bool,
    ) -> None:
        """Make the network.

        Args:
            scope: Where it belongs.
            id_: Its id there.
            deployment: Zones and addresses.
            key_arn: The customer's key for the flow log; None for CloudWatch's own.
            has_machines: Whether replicas run on machines of this account.
        """
        whole = ipaddress.IPv4Network(deployment.gpu.cidr)
        parts = list(map(str, whole.subnets(prefixlen_diff=SUBNET_BITS)))
        # By the zone's number, so that a zone that comes or goes moves no other's addresses.
        numbers = {zone: int(zone.rpartition("az")[2]) for zone in deployment.az_ids}
        super().__init__(
            scope,
            id_,
            cidr=deployment.gpu.cidr,
            blocks={zone: parts[number] for zone, number in numbers.items()},
        )
        endpoints = self._group("Endpoints", "Interface endpoints")
        self.tasks = self._group("Tasks", "Replicas of GPU services", (endpoints, (TLS,)))
        self.instances = (
            self._group("Instances", "GPU machines", (endpoints, (TLS,))).id if has_machines else ""
        )
        self.balancer = self._group(
            "Balancer", "Load balancer of GPU services", (self.tasks, (HTTP_PORT, GRPC_PORT))
        )
        self.link = self._group("Link", "Link of API Gateway", (self.balancer, (TLS,)))
        self.breaker = self._group(
            "Breakers", "Functions before services", (self.balancer, (TLS,)), (endpoints, (TLS,))
        )
        for cidr in deployment.gpu.clients:
            self.balancer.let_in_network(cidr, GRPC_TLS)
        for service in INTERFACES:
            if service in OF_MACHINES and not has_machines:
                continue
            policy = own_callers_only(service)
            self.add_endpoint(service, group_id=endpoints.id, policy=policy)
        self.dynamodb_url = self._dynamodb(deployment, endpoints)
        kept = KeptLogs(self, "Flow", settings=deployment.settings, key_arn=key_arn)
        self.log_flows(kept.group)

    def _dynamodb(self, deployment: Deployment, endpoints: ClosedGroup) -> str:
        """Give DynamoDB addresses that a group can name where replicas count tenants' requests."""
        policy = own_callers_only("dynamodb")
        if not deployment.tenants:
            self.add_gateway("dynamodb", policy=policy)
            return ""
        return endpoint_url(self.add_endpoint("dynamodb", group_id=endpoints.id, policy=policy))

    def _group(
        self, id_: str, description: str, *reaches: tuple[ClosedGroup, tuple[int, ...]]
    ) -> ClosedGroup:
        return ClosedGroup(self, id_, vpc_id=self.vpc.ref, description=description, reaches=reaches)
