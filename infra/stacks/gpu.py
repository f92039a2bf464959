"""What all services share: network, machines, load balancer and the API's way to it."""

from collections.abc import Sequence
from pathlib import Path
from typing import Final

from aws_cdk import Fn, Stack, aws_ecs as ecs, aws_ssm as ssm
from constructs import Construct

from catalogue.service import Deployment as Replacement
from catalogue.spec import ModelSpec, Target
from falaj.contract import gpu_parameter, key_arn_parameter
from infra.config.deployment import Deployment
from infra.config.gpu import capacity_name, offered_types, replacement_of, zones_of
from infra.constructs.gpu_capacity import GpuCapacity, Machines
from infra.constructs.gpu_entrance import GpuEntrance
from infra.constructs.gpu_network import GpuNetwork
from infra.constructs.gpu_service import FARGATE
from infra.constructs.shared_layer import ssm_value
from infra.stacks.naming import DATA_KEY, leave_bootstrap_check_to_cli, stack_properties

_WORDS: Final = {"gpu": "GPU services", "container": "container services"}


class GpuStack(Stack):
    """Deployed after the foundation where a model has `target: gpu` or `target: container`."""

    def __init__(
        self,
        scope: Construct,
        id_: str,
        *,
        deployment: Deployment,
        models: Sequence[ModelSpec],
        trust: Path | None = None,
    ) -> None:
        """Make the stack.

        Args:
            scope: The application.
            id_: The stack's name.
            deployment: Profile and place.
            models: Those that run here; they say which machines there are.
            trust: File of those whose clients may speak gRPC, where it is to be uploaded.
        """
        super().__init__(scope, id_, **stack_properties(deployment, _holds(models)))
        leave_bootstrap_check_to_cli(self)
        key_arn = (
            ssm_value(self, "DataKeyArn", key_arn_parameter(DATA_KEY))
            if deployment.settings.logs_use_customer_key
            else None
        )
        on_gpu = [spec for spec in models if spec.compute.target is Target.GPU]
        network = GpuNetwork(
            self,
            "Network",
            deployment=deployment,
            key_arn=key_arn,
            has_machines=bool(on_gpu),
        )
        cluster = ecs.CfnCluster(
            self,
            "Cluster",
            cluster_settings=[
                ecs.CfnCluster.ClusterSettingsProperty(name="containerInsights", value="enabled")
            ],
        )
        capacities = self._capacities(deployment, on_gpu, network, cluster)
        fargate = [FARGATE] if len(on_gpu) < len(models) else []
        ecs.CfnClusterCapacityProviderAssociations(
            self,
            "Capacities",
            cluster=cluster.ref,
            capacity_providers=[
                *(capacity.provider.ref for capacity in capacities.values()),
                *fargate,
            ],
            default_capacity_provider_strategy=[],
        )
        entrance = GpuEntrance(
            self,
            "Entrance",
            network=network,
            deployment=deployment,
            trust=trust,
            **({"missing": "no service has this model"} if fargate else {}),
        )
        self._tell(
            {
                "cluster": cluster.ref,
                "vpc-id": network.vpc.ref,
                "subnet-ids": Fn.join(",", list(network.subnets.values())),
                "task-group": network.tasks.id,
                "breaker-group": network.breaker.id,
                "balancer-arn": entrance.balancer.ref,
                "balancer-name": entrance.balancer.attr_load_balancer_full_name,
                "balancer-address": entrance.balancer.attr_dns_name,
                "api-listener": entrance.api_listener.ref,
                "grpc-listener": entrance.grpc_listener.ref,
                "link": entrance.link.ref,
                **({"dynamodb-url": network.dynamodb_url} if network.dynamodb_url else {}),
                **{
                    f"capacity/{name}": capacity.provider.ref
                    for name, capacity in capacities.items()
                },
            }
        )

    def _capacities(
        self,
        deployment: Deployment,
        models: Sequence[ModelSpec],
        network: GpuNetwork,
        cluster: ecs.CfnCluster,
    ) -> dict[str, GpuCapacity]:
        by_name: dict[str, list[ModelSpec]] = {}
        for spec in models:
            by_name.setdefault(capacity_name(spec.compute.gpu), []).append(spec)
        return {
            name: GpuCapacity(
                self,
                f"Capacity{name.title().replace('-', '')}",
                cluster=cluster,
                machines=_machines(deployment, specs, network),
            )
            for name, specs in sorted(by_name.items())
        }

    def _tell(self, values: dict[str, str]) -> None:
        for name, value in values.items():
            id_ = "".join(word.capitalize() for word in name.replace("/", "-").split("-"))
            ssm.CfnParameter(
                self, f"Tell{id_}", type="String", name=gpu_parameter(name), value=value
            )


def _machines(deployment: Deployment, specs: Sequence[ModelSpec], network: GpuNetwork) -> Machines:
    types = offered_types(specs[0].compute.gpu, deployment.az_ids)
    return Machines(
        types=types,
        subnet_ids=[network.subnets[zone] for zone in zones_of(types, deployment.az_ids)],
        security_group_id=network.instances,
        most=sum(_most_machines(spec, deployment) for spec in specs),
    )


def _holds(models: Sequence[ModelSpec]) -> str:
    kinds = sorted({spec.compute.target.value for spec in models}, reverse=True)
    return f"what {' and '.join(_WORDS[kind] for kind in kinds)} share"


def _most_machines(spec: ModelSpec, deployment: Deployment) -> int:
    """One for each replica; while two fleets stand side by side, twice as many."""
    service = spec.compute.gpu
    fleets = 1 if replacement_of(service, deployment.az_ids) is Replacement.ROLLING else 2
    return fleets * service.instances.max_replicas
