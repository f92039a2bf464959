"""A model's service: its replicas, how a release replaces the one before, what stops it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from aws_cdk import aws_ecs as ecs, aws_iam as iam
from constructs import Construct

from catalogue.release import ReleasePlan
from catalogue.service import Deployment as Replacement
from infra.constructs.bounded_role import bounded_role
from infra.constructs.function_role import allow, sub
from infra.constructs.gpu_targets import Fleets, GpuTargets
from infra.constructs.gpu_task import GpuTask

FARGATE: Final = "FARGATE"
"""AWS's own capacity provider: a task is alone in a machine that nobody here starts or patches.

Source: docs.aws.amazon.com/AmazonECS/latest/developerguide/AWS_Fargate.html.
"""
BAKE_MINUTES: Final = 15
"""How long both fleets stand after the last shift, for a rollback without a cold start."""
LONGEST_MINUTES: Final = 33 * 60
"""CloudFormation refuses a deployment that would take longer.

Source: docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/
aws-properties-ecs-service-canaryconfiguration.html.
"""
SMALLEST_LINEAR_PERCENT: Final = 3.0
GRACE_S: Final = 600
"""TensorRT may build engines for minutes before a replica is ready."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Running:
    """Where a service's replicas run.

    Attributes:
        cluster: Name of the cluster.
        capacity: Name of the capacity provider.
        subnet_ids: Subnets of the zones that offer them.
        group_id: Their security group.
        most: Most replicas.
    """

    cluster: str
    capacity: str
    subnet_ids: Sequence[str]
    group_id: str
    most: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Replacing:
    """How a release takes the place of the one before.

    Attributes:
        how: ECS's strategy.
        plan: The model's shares and bake.
        alarms: Names of the alarms that take it back.
    """

    how: Replacement
    plan: ReleasePlan
    alarms: Sequence[str]


class GpuService(Construct):
    """An ECS service on the shared machines.

    Attributes:
        service: The service.
    """

    def __init__(
        self,
        scope: Construct,
        id_: str,
        *,
        task: GpuTask,
        targets: GpuTargets,
        running: Running,
        replacing: Replacing,
    ) -> None:
        """Make the service.

        Args:
            scope: Where it belongs.
            id_: Its id there.
            task: One replica.
            targets: How the load balancer finds them.
            running: Where they run.
            replacing: How a release replaces another.
        """
        super().__init__(scope, id_)
        kinds = ecs.CfnService
        role = self._role(targets) if targets.rest.green else None
        self.service = kinds(
            self,
            "Resource",
            cluster=running.cluster,
            task_definition=task.definition.ref,
            scheduling_strategy="REPLICA",
            # Moving a replica takes a second one for a while.
            availability_zone_rebalancing="ENABLED" if running.most > 1 else "DISABLED",
            capacity_provider_strategy=[
                kinds.CapacityProviderStrategyItemProperty(
                    capacity_provider=running.capacity, weight=1
                )
            ],
            deployment_controller=kinds.DeploymentControllerProperty(type="ECS"),
            deployment_configuration=deployment_configuration(replacing, running.most),
            enable_execute_command=False,
            enable_ecs_managed_tags=True,
            propagate_tags="SERVICE",
            health_check_grace_period_seconds=GRACE_S,
            network_configuration=kinds.NetworkConfigurationProperty(
                awsvpc_configuration=kinds.AwsVpcConfigurationProperty(
                    subnets=list(running.subnet_ids),
                    security_groups=[running.group_id],
                    assign_public_ip="DISABLED",
                )
            ),
            load_balancers=[
                _behind(fleets, task.answering, role) for fleets in (targets.rest, targets.grpc)
            ],
        )
        # ECS refuses target groups that no listener knows.
        for fleets in (targets.rest, targets.grpc):
            if fleets.green is None:
                self.service.add_resource_dependency(fleets.rule)

    def _role(self, targets: GpuTargets) -> iam.CfnRole:
        """With it ECS moves the shares of the two fleets, and of no others.

        Source: docs.aws.amazon.com/AmazonECS/latest/developerguide/
        AmazonECSInfrastructureRolePolicyForLoadBalancers.html; describing takes no resource.
        """
        fleets = (targets.rest, targets.grpc)
        groups = [group.ref for each in fleets for group in each.groups]
        statements = [
            allow(
                "See",
                [
                    "elasticloadbalancing:DescribeListeners",
                    "elasticloadbalancing:DescribeRules",
                    "elasticloadbalancing:DescribeTargetGroups",
                    "elasticloadbalancing:DescribeTargetHealth",
                ],
                ["*"],
            ),
            allow(
                "Register",
                [
                    "elasticloadbalancing:DeregisterTargets",
                    "elasticloadbalancing:RegisterTargets",
                ],
                groups,
            ),
            allow("Shift", ["elasticloadbalancing:ModifyRule"], [each.rule.ref for each in fleets]),
        ]
        return bounded_role(self, "Shifts", trusted=_ecs_trust(), statements=statements)


def deployment_configuration(
    replacing: Replacing, most: int
) -> ecs.CfnService.DeploymentConfigurationProperty:
    """Write ECS's deployment configuration.

    Args:
        replacing: How a release replaces another.
        most: Most replicas; one alone has to go before the next can have its GPU.
    """
    kinds = ecs.CfnService
    alarms = kinds.DeploymentAlarmsProperty(
        alarm_names=list(replacing.alarms), enable=True, rollback=True
    )
    bake_minutes = int(replacing.plan.bake.total_seconds()) // 60
    if replacing.how is Replacement.ROLLING:
        return kinds.DeploymentConfigurationProperty(
            strategy="ROLLING",
            alarms=alarms,
            bake_time_in_minutes=bake_minutes,
            deployment_circuit_breaker=kinds.DeploymentCircuitBreakerProperty(
                enable=True, rollback=True
            ),
            minimum_healthy_percent=0 if most == 1 else 50,
            maximum_percent=100 if most == 1 else 200,
        )
    first_percent = round(100 * (replacing.plan.steps or (1.0,))[0], 1)
    both: dict[str, Any] = {
        "alarms": alarms,
        "bake_time_in_minutes": BAKE_MINUTES,
        "minimum_healthy_percent": 100,
        "maximum_percent": 200,
    }
    if replacing.how is Replacement.CANARY:
        return kinds.DeploymentConfigurationProperty(
            strategy="CANARY",
            canary_configuration=kinds.CanaryConfigurationProperty(
                canary_percent=first_percent, canary_bake_time_in_minutes=bake_minutes
            ),
            **both,
        )
    return kinds.DeploymentConfigurationProperty(
        strategy="LINEAR",
        linear_configuration=kinds.LinearConfigurationProperty(
            step_percent=max(SMALLEST_LINEAR_PERCENT, first_percent),
            step_bake_time_in_minutes=bake_minutes,
        ),
        **both,
    )


def deployment_minutes(how: Replacement, plan: ReleasePlan) -> int:
    """How long ECS takes by its settings, as CloudFormation counts it.

    Source: docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/
    aws-properties-ecs-service-linearconfiguration.html.
    """
    bake = int(plan.bake.total_seconds()) // 60
    if how is Replacement.ROLLING:
        return bake
    if how is Replacement.CANARY:
        return BAKE_MINUTES + bake
    percent = max(SMALLEST_LINEAR_PERCENT, 100 * (plan.steps or (1.0,))[0])
    steps = int(100 // percent) - (1 if 100 % percent == 0 else 0)
    return BAKE_MINUTES + bake * steps


def _behind(
    fleets: Fleets, container: str, role: iam.CfnRole | None
) -> ecs.CfnService.LoadBalancerProperty:
    kinds = ecs.CfnService
    return kinds.LoadBalancerProperty(
        container_name=container,
        container_port=fleets.port,
        target_group_arn=fleets.blue.ref,
        advanced_configuration=kinds.AdvancedConfigurationProperty(
            alternate_target_group_arn=fleets.green.ref,
            production_listener_rule=fleets.rule.ref,
            role_arn=role.attr_arn,
        )
        if fleets.green and role
        else None,
    )


def _ecs_trust() -> dict[str, Any]:
    return {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Effect": "Allow",
                "Principal": {"Service": "ecs.amazonaws.com"},
                "Action": "sts:AssumeRole",
                "Condition": {"StringEquals": {"aws:SourceAccount": sub("${AWS::AccountId}")}},
            }
        ],
    }
