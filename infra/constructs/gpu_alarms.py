"""The alarms by which ECS takes a new release of a GPU service back."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from aws_cdk import CfnResource, aws_elasticloadbalancingv2 as balancing
from constructs import Construct

from falaj.contract import (
    DIMENSION_MODEL,
    DIMENSION_RELEASE,
    GPU_ALARM_PREFIX,
    METRIC_BAD,
    METRIC_NAMESPACE,
    METRIC_QUEUE_TIME,
    METRIC_REQUESTS,
)

Query = dict[str, Any]

BALANCER: Final = "AWS/ApplicationELB"
"""Source: docs.aws.amazon.com/elasticloadbalancing/latest/application/
load-balancer-cloudwatch-metrics.html (metrics by TargetGroup and LoadBalancer)."""
FEWEST_REQUESTS: Final = 20
"""Requests of a minute from which a share may be concluded."""
ERROR_EXCESS: Final = 0.05
FAILURE_SHARE: Final = 0.1
NEAR_TIMEOUT_SHARE: Final = 0.8
QUEUE_MULTIPLE: Final = 10
QUEUE_FLOOR_MS: Final = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class GpuWatched:
    """The release that a set of alarms watches.

    Attributes:
        model: The model.
        release: What the new replicas call themselves.
        balancer: Full name of the load balancer; a token.
        groups: Target groups of REST, by fleet.
        timeout_s: After how long a request is given up.
        queue_ms: Queue time that scaling aims at.
        has_gpu: Whether its replicas compute on one.
    """

    model: str
    release: str
    balancer: str
    groups: Mapping[str, balancing.CfnTargetGroup]
    timeout_s: int
    queue_ms: int
    has_gpu: bool = True

    @property
    def words(self) -> str:
        """What kind of service it is."""
        return "GPU service" if self.has_gpu else "container service"


class GpuAlarms(Construct):
    """Errors and queue by release; failures and latency by target group.

    A set belongs to one release and is made before ECS hears of it: an alarm that went red over
    the release before can neither stop nor roll back this one.

    Attributes:
        watched: The release.
        names: Names of all of them.
    """

    def __init__(self, scope: Construct, id_: str, *, watched: GpuWatched) -> None:
        """Make the alarms.

        Args:
            scope: The model's stack.
            id_: Its id there; it must change with the release.
            watched: The release.
        """
        super().__init__(scope, id_)
        self.watched = watched
        self.names = [
            self._errors(),
            self._queue(),
            *(
                name
                for fleet, group in watched.groups.items()
                for name in (self._failures(fleet, group), self._latency(fleet, group))
            ),
        ]

    def _errors(self) -> str:
        return self._alarm(
            "errors",
            "its own share of bad answers exceeds the other release's",
            threshold=ERROR_EXCESS,
            watching=[
                _expression(
                    "excess",
                    f"IF(mine >= {FEWEST_REQUESTS}, FILL(bad, 0) / mine - FILL(others, 0), 0)",
                    returns=True,
                ),
                *self._outcomes(),
            ],
        )

    def _outcomes(self) -> list[Query]:
        """Count this release's outcomes and all releases'; what is left is the others'."""
        watched = self.watched
        mine = {DIMENSION_MODEL: watched.model, DIMENSION_RELEASE: watched.release}
        everyone = {DIMENSION_MODEL: watched.model}
        bad, requests = METRIC_BAD, METRIC_REQUESTS
        return [
            _expression(
                "others",
                "(FILL(all_bad, 0) - FILL(bad, 0)) / (FILL(all_requests, 0) - FILL(mine, 0))",
            ),
            _metric("bad", (METRIC_NAMESPACE, bad, "Sum"), mine),
            _metric("mine", (METRIC_NAMESPACE, requests, "Sum"), mine),
            _metric("all_bad", (METRIC_NAMESPACE, bad, "Sum"), everyone),
            _metric("all_requests", (METRIC_NAMESPACE, requests, "Sum"), everyone),
        ]

    def _queue(self) -> str:
        watched = self.watched
        dimensions = {DIMENSION_MODEL: watched.model, DIMENSION_RELEASE: watched.release}
        return self._alarm(
            "queue",
            "its requests wait far longer than scaling aims at",
            threshold=max(QUEUE_FLOOR_MS, QUEUE_MULTIPLE * watched.queue_ms),
            datapoints=(3, 5),
            watching=[
                _metric(
                    "m",
                    (METRIC_NAMESPACE, METRIC_QUEUE_TIME, "Average"),
                    dimensions,
                    returns=True,
                )
            ],
        )

    def _failures(self, fleet: str, group: balancing.CfnTargetGroup) -> str:
        """Watch a fleet, whichever release it holds: only the balancer sees a replica that crashed.

        AWS changes the fleets' roles with every release, and a template cannot say which one is
        new. What the release that serves already says of itself is therefore taken off.
        """
        dimensions = self._of(group)
        lost = "(FILL(failed, 0) + FILL(refused, 0)) / requests"
        return self._alarm(
            f"failures-{fleet}",
            f"requests to the {fleet} target group fail more often than the other release's",
            threshold=FAILURE_SHARE,
            watching=[
                _expression(
                    "share",
                    f"IF(requests >= {FEWEST_REQUESTS}, {lost} - FILL(others, 0), 0)",
                    returns=True,
                ),
                _metric("failed", (BALANCER, "HTTPCode_Target_5XX_Count", "Sum"), dimensions),
                _metric("refused", (BALANCER, "TargetConnectionErrorCount", "Sum"), dimensions),
                _metric("requests", (BALANCER, "RequestCount", "Sum"), dimensions),
                *self._outcomes(),
            ],
        )

    def _latency(self, fleet: str, group: balancing.CfnTargetGroup) -> str:
        return self._alarm(
            f"latency-{fleet}",
            f"one in a hundred requests to the {fleet} target group comes close to the timeout",
            threshold=NEAR_TIMEOUT_SHARE * self.watched.timeout_s,
            watching=[
                _metric("m", (BALANCER, "TargetResponseTime", "p99"), self._of(group), returns=True)
            ],
        )

    def _of(self, group: balancing.CfnTargetGroup) -> dict[str, str]:
        return {
            "TargetGroup": group.attr_target_group_full_name,
            "LoadBalancer": self.watched.balancer,
        }

    def _alarm(
        self,
        kind: str,
        says: str,
        *,
        threshold: float,
        watching: Sequence[Query],
        datapoints: tuple[int, int] = (2, 3),
    ) -> str:
        watched = self.watched
        name = f"{GPU_ALARM_PREFIX}{watched.model}-{kind}-{watched.release[:8]}"
        CfnResource(
            self,
            "".join(word.capitalize() for word in kind.split("-")),
            type="AWS::CloudWatch::Alarm",
            properties={
                "AlarmName": name,
                "AlarmDescription": (
                    f"{watched.words} {watched.model}, release {watched.release}: {says}. "
                    "ECS rolls the release back."
                ),
                "ComparisonOperator": "GreaterThanOrEqualToThreshold",
                "Threshold": threshold,
                "DatapointsToAlarm": datapoints[0],
                "EvaluationPeriods": datapoints[1],
                "TreatMissingData": "notBreaching",
                "Metrics": list(watching),
            },
        )
        return name


def _metric(
    id_: str, what: tuple[str, str, str], dimensions: Mapping[str, str], *, returns: bool = False
) -> Query:
    namespace, name, stat = what
    return {
        "Id": id_,
        "ReturnData": returns,
        "MetricStat": {
            "Metric": {
                "Namespace": namespace,
                "MetricName": name,
                "Dimensions": [{"Name": key, "Value": value} for key, value in dimensions.items()],
            },
            "Period": 60,
            "Stat": stat,
        },
    }


def _expression(id_: str, expression: str, *, returns: bool = False) -> Query:
    return {"Id": id_, "Expression": expression, "ReturnData": returns}
