"""GPU machines that ECS starts and stops as replicas need them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from aws_cdk import (
    Fn,
    Tags,
    aws_autoscaling as autoscaling,
    aws_ec2 as ec2,
    aws_ecs as ecs,
    aws_iam as iam,
)
from constructs import Construct

from infra.constructs.bounded_role import bounded_role, trust
from infra.constructs.function_role import allow, sub

IMAGE_PARAMETER: Final = "/aws/service/ecs/optimized-ami/amazon-linux-2023/gpu/recommended/image_id"
"""Where AWS names its newest ECS image with NVIDIA's driver; each new machine takes what it says.

Source: docs.aws.amazon.com/AmazonECS/latest/developerguide/retrieve-ecs-optimized_AMI.html;
docs.aws.amazon.com/AWSEC2/latest/UserGuide/create-launch-template.html (`resolve:ssm:`).
"""
DISK_GIB: Final = 100
"""The image with CUDA and TensorRT has about 10 GB, unpacked, and two of them lie side by side."""

WARM_UP_S: Final = 300

USER_DATA: Final = """\
#!/bin/bash
cat >> /etc/ecs/ecs.config <<'CONFIG'
ECS_CLUSTER=${Cluster}
ECS_ENABLE_GPU_SUPPORT=true
ECS_AWSVPC_BLOCK_IMDS=true
ECS_IMAGE_PULL_BEHAVIOR=prefer-cached
ECS_CONTAINER_STOP_TIMEOUT=2m
CONFIG
"""
"""Replicas may not ask the machine's metadata service for the machine's credentials.

Source: docs.aws.amazon.com/AmazonECS/latest/developerguide/ecs-agent-config.html.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Machines:
    """What is started.

    Attributes:
        types: Instance types, the preferred one first.
        subnet_ids: Where at least one of the types is offered.
        security_group_id: Their group.
        most: Most machines at once.
    """

    types: Sequence[str]
    subnet_ids: Sequence[str]
    security_group_id: str
    most: int


class GpuCapacity(Construct):
    """A launch template, an Auto Scaling group, and the capacity provider that steers it.

    Attributes:
        provider: The capacity provider.
    """

    def __init__(
        self, scope: Construct, id_: str, *, cluster: ecs.CfnCluster, machines: Machines
    ) -> None:
        """Make the capacity.

        Args:
            scope: Where it belongs.
            id_: Its id there.
            cluster: Where machines register.
            machines: What is started.
        """
        super().__init__(scope, id_)
        template = self._launch_template(cluster, machines)
        group = autoscaling.CfnAutoScalingGroup(
            self,
            "Group",
            min_size="0",
            max_size=str(machines.most),
            vpc_zone_identifier=list(machines.subnet_ids),
            # The capacity provider takes a machine away only when no replica is on it.
            new_instances_protected_from_scale_in=True,
            health_check_type="EC2",
            default_instance_warmup=WARM_UP_S,
            metrics_collection=[
                autoscaling.CfnAutoScalingGroup.MetricsCollectionProperty(granularity="1Minute")
            ],
            mixed_instances_policy=_mixed(template, machines.types),
        )
        # ECS adds this tag itself where it is missing, and CloudFormation would then see drift.
        Tags.of(group).add("AmazonECSManaged", "true", apply_to_launched_instances=True)
        self.provider = ecs.CfnCapacityProvider(
            self,
            "Provider",
            auto_scaling_group_provider=ecs.CfnCapacityProvider.AutoScalingGroupProviderProperty(
                auto_scaling_group_arn=group.ref,
                managed_scaling=ecs.CfnCapacityProvider.ManagedScalingProperty(
                    status="ENABLED",
                    target_capacity=100,
                    minimum_scaling_step_size=1,
                    maximum_scaling_step_size=max(1, machines.most),
                    instance_warmup_period=WARM_UP_S,
                ),
                managed_termination_protection="ENABLED",
                managed_draining="ENABLED",
            ),
        )

    def _launch_template(
        self, cluster: ecs.CfnCluster, machines: Machines
    ) -> ec2.CfnLaunchTemplate:
        profile = iam.CfnInstanceProfile(self, "Profile", roles=[self._role(cluster).ref])
        return ec2.CfnLaunchTemplate(
            self,
            "Template",
            launch_template_data=ec2.CfnLaunchTemplate.LaunchTemplateDataProperty(
                image_id=f"resolve:ssm:{IMAGE_PARAMETER}",
                iam_instance_profile=ec2.CfnLaunchTemplate.IamInstanceProfileProperty(
                    arn=profile.attr_arn
                ),
                security_group_ids=[machines.security_group_id],
                ebs_optimized=True,
                monitoring=ec2.CfnLaunchTemplate.MonitoringProperty(enabled=True),
                metadata_options=ec2.CfnLaunchTemplate.MetadataOptionsProperty(
                    http_tokens="required", http_endpoint="enabled", http_put_response_hop_limit=1
                ),
                block_device_mappings=[
                    ec2.CfnLaunchTemplate.BlockDeviceMappingProperty(
                        device_name="/dev/xvda",
                        ebs=ec2.CfnLaunchTemplate.EbsProperty(
                            encrypted=True,
                            volume_type="gp3",
                            volume_size=DISK_GIB,
                            delete_on_termination=True,
                        ),
                    )
                ],
                user_data=Fn.base64(Fn.sub(USER_DATA, {"Cluster": cluster.ref})),
            ),
        )

    def _role(self, cluster: ecs.CfnCluster) -> iam.CfnRole:
        """What the machine's agent may do: speak for machines of this cluster, and no more.

        Source: docs.aws.amazon.com/AmazonECS/latest/developerguide/instance_IAM_role.html and the
        service authorization reference of Amazon ECS (DiscoverPollEndpoint takes no resource).
        """
        own = sub(
            "arn:${AWS::Partition}:ecs:${AWS::Region}:${AWS::AccountId}:container-instance/${Name}/*",
            Name=cluster.ref,
        )
        in_cluster = {"ArnEquals": {"ecs:cluster": cluster.attr_arn}}
        statements: list[dict[str, Any]] = [
            allow("FindEndpoint", ["ecs:DiscoverPollEndpoint"], ["*"]),
            allow(
                "Register",
                ["ecs:RegisterContainerInstance", "ecs:DeregisterContainerInstance"],
                [cluster.attr_arn],
            ),
            allow(
                "Work",
                ["ecs:Poll", "ecs:StartTelemetrySession", "ecs:UpdateContainerInstancesState"],
                [own],
            )
            | {"Condition": in_cluster},
            allow(
                "Report",
                [
                    "ecs:SubmitAttachmentStateChanges",
                    "ecs:SubmitContainerStateChange",
                    "ecs:SubmitTaskStateChange",
                ],
                [cluster.attr_arn],
            ),
        ]
        return bounded_role(self, "Role", trusted=trust("ec2.amazonaws.com"), statements=statements)


def _mixed(
    template: ec2.CfnLaunchTemplate, types: Sequence[str]
) -> autoscaling.CfnAutoScalingGroup.MixedInstancesPolicyProperty:
    """Take the first type that there is, and the next one where it is short.

    Source: docs.aws.amazon.com/autoscaling/ec2/userguide/allocation-strategies.html (prioritized).
    """
    kinds = autoscaling.CfnAutoScalingGroup
    return kinds.MixedInstancesPolicyProperty(
        instances_distribution=kinds.InstancesDistributionProperty(
            on_demand_allocation_strategy="prioritized",
            on_demand_percentage_above_base_capacity=100,
        ),
        launch_template=kinds.LaunchTemplateProperty(
            launch_template_specification=kinds.LaunchTemplateSpecificationProperty(
                launch_template_id=template.ref, version=template.attr_latest_version_number
            ),
            overrides=[kinds.LaunchTemplateOverridesProperty(instance_type=kind) for kind in types],
        ),
    )
