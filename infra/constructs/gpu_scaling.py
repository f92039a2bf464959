"""How many replicas there are: by their queues, by their GPUs, and none when nobody asks."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from aws_cdk import (
    CfnResource,
    Fn,
    aws_applicationautoscaling as scaling,
    aws_ecs as ecs,
)
from constructs import Construct

from catalogue.container import ContainerService
from catalogue.gpu import GpuService
from falaj.contract import (
    DIMENSION_MODEL,
    GPU_ALARM_PREFIX,
    METRIC_ASKED,
    METRIC_GPU_UTILISATION,
    METRIC_NAMESPACE,
    METRIC_QUEUE_TIME,
    METRIC_REQUESTS,
)

SAMPLES_PER_MINUTE: Final = 6
"""How often a replica reports in a minute (falaj.entrypoints.container, FLUSH_S)."""
SURPLUS_MINUTES: Final = 15
SURPLUS_SHARE: Final = 0.3
SCALE_OUT_COOLDOWN_S: Final = 60
SCALE_IN_COOLDOWN_S: Final = 300

Query = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Scaled:
    """The service that is scaled.

    Attributes:
        model: The model.
        cluster: Name of the cluster.
        service: The service.
        settings: By what.
        words: What kind of service it is.
    """

    model: str
    cluster: str
    service: ecs.CfnService
    settings: GpuService | ContainerService
    words: str = "GPU service"


class GpuScaling(Construct):
    """Target tracking on queue time and a GPU's use; with `to_zero`, to none after an idle time.

    Attributes:
        target: What is scaled.
    """

    def __init__(self, scope: Construct, id_: str, *, scaled: Scaled) -> None:
        """Make the target, its policies and their alarms.

        Args:
            scope: Where it belongs.
            id_: Its id there.
            scaled: The service.
        """
        super().__init__(scope, id_)
        self._model, self._settings = scaled.model, scaled.settings
        self._words = scaled.words
        settings, wishes = scaled.settings, scaled.settings.scaling
        self.target = scaling.CfnScalableTarget(
            self,
            "Target",
            service_namespace="ecs",
            scalable_dimension="ecs:service:DesiredCount",
            resource_id=Fn.join("/", ["service", scaled.cluster, scaled.service.attr_name]),
            min_capacity=0 if wishes.to_zero else settings.min_replicas,
            max_capacity=settings.max_replicas,
        )
        self._track("Queue", METRIC_QUEUE_TIME, wishes.queue_ms)
        if isinstance(settings, GpuService):
            self._track("Gpu", METRIC_GPU_UTILISATION, settings.scaling.gpu_percent)
        if wishes.to_zero:
            self._to_zero()

    def _track(self, id_: str, metric: str, target: float) -> None:
        kinds = scaling.CfnScalingPolicy
        kinds(
            self,
            id_,
            policy_name=f"falaj-{self._model}-{id_.lower()}",
            policy_type="TargetTrackingScaling",
            scaling_target_id=self.target.ref,
            target_tracking_scaling_policy_configuration=(
                kinds.TargetTrackingScalingPolicyConfigurationProperty(
                    target_value=target,
                    scale_out_cooldown=SCALE_OUT_COOLDOWN_S,
                    scale_in_cooldown=SCALE_IN_COOLDOWN_S,
                    # An idle metric is 0, and tracking it would take the last replica at once.
                    disable_scale_in=self._settings.scaling.to_zero,
                    customized_metric_specification=kinds.CustomizedMetricSpecificationProperty(
                        namespace=METRIC_NAMESPACE,
                        metric_name=metric,
                        # Each replica reports its own mean at the same pace.
                        statistic="Average",
                        dimensions=[
                            kinds.MetricDimensionProperty(name=DIMENSION_MODEL, value=self._model)
                        ],
                    ),
                )
            ),
        )

    def _to_zero(self) -> None:
        wishes = self._settings.scaling
        queue = self._metric("queue", METRIC_QUEUE_TIME, "Average")
        samples = self._metric("samples", METRIC_QUEUE_TIME, "SampleCount")
        self._step(
            "surplus",
            "replicas beyond the first wait for nothing",
            adjustment=("ChangeInCapacity", -1),
            threshold=SURPLUS_SHARE * wishes.queue_ms,
            minutes=SURPLUS_MINUTES,
            missing="notBreaching",
            watching=[
                _expression(
                    "surplus",
                    f"IF(samples > {1.5 * SAMPLES_PER_MINUTE:g}, queue, {wishes.queue_ms})",
                ),
                queue,
                samples,
            ],
        )
        self._step(
            "idle",
            "nobody has asked for the whole idle time",
            adjustment=("ExactCapacity", 0),
            threshold=0,
            minutes=int(wishes.idle.total_seconds()) // 60,
            missing="breaching",
            watching=[
                _expression("asked", "FILL(breaker, 0) + FILL(replicas, 0)"),
                # What wakes the service counts before there is a replica to count it.
                self._metric("breaker", METRIC_ASKED, "Sum"),
                self._metric("replicas", METRIC_REQUESTS, "Sum"),
            ],
        )

    def _step(
        self,
        kind: str,
        says: str,
        *,
        adjustment: tuple[str, int],
        threshold: float,
        minutes: int,
        missing: str,
        watching: Sequence[Query],
    ) -> None:
        kinds = scaling.CfnScalingPolicy
        policy = kinds(
            self,
            f"{kind.capitalize()}Policy",
            policy_name=f"falaj-{self._model}-{kind}",
            policy_type="StepScaling",
            scaling_target_id=self.target.ref,
            step_scaling_policy_configuration=kinds.StepScalingPolicyConfigurationProperty(
                adjustment_type=adjustment[0],
                cooldown=SCALE_IN_COOLDOWN_S,
                metric_aggregation_type="Average",
                step_adjustments=[
                    kinds.StepAdjustmentProperty(
                        metric_interval_upper_bound=0, scaling_adjustment=adjustment[1]
                    )
                ],
            ),
        )
        CfnResource(
            self,
            kind.capitalize(),
            type="AWS::CloudWatch::Alarm",
            properties={
                "AlarmName": f"{GPU_ALARM_PREFIX}{self._model}-{kind}",
                "AlarmDescription": f"{self._words} {self._model}: {says}",
                "ComparisonOperator": "LessThanOrEqualToThreshold",
                "Threshold": threshold,
                "DatapointsToAlarm": minutes,
                "EvaluationPeriods": minutes,
                "TreatMissingData": missing,
                "Metrics": list(watching),
                "AlarmActions": [policy.ref],
            },
        )

    def _metric(self, id_: str, name: str, stat: str) -> Query:
        return {
            "Id": id_,
            "ReturnData": False,
            "MetricStat": {
                "Metric": {
                    "Namespace": METRIC_NAMESPACE,
                    "MetricName": name,
                    "Dimensions": [{"Name": DIMENSION_MODEL, "Value": self._model}],
                },
                "Period": 60,
                "Stat": stat,
            },
        }


def _expression(id_: str, expression: str) -> Query:
    return {"Id": id_, "Expression": expression, "ReturnData": True}
