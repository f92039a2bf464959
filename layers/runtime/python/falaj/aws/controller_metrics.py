"""What the controller itself publishes: evidence for the alarm, and that it is alive."""

from datetime import datetime
from typing import Any, Final

from falaj.aws.calls import Client, calling
from falaj.contract import (
    DIMENSION_MODEL,
    DIMENSION_RELEASE,
    METRIC_HEARTBEAT,
    METRIC_LOG_EVIDENCE,
    METRIC_NAMESPACE,
)

_HIGH_RESOLUTION: Final = 1  # the evidence alarm looks every 10 s


class ControllerMetrics:
    """Publishes to CloudWatch.

    Args:
        client: A CloudWatch client.
    """

    def __init__(self, client: Client) -> None:
        self._cloudwatch = client

    def publish_evidence(
        self, *, model: str, release: str, log_evidence: float, now: datetime
    ) -> None:
        """Publish log₁₀(α·E) of a candidate; its alarm fires at 0.

        Raises:
            DependencyError: CloudWatch does not answer.
        """
        self._put(
            MetricName=METRIC_LOG_EVIDENCE,
            Dimensions=[
                {"Name": DIMENSION_MODEL, "Value": model},
                {"Name": DIMENSION_RELEASE, "Value": release},
            ],
            Value=log_evidence,
            StorageResolution=_HIGH_RESOLUTION,
            Timestamp=now,
        )

    def beat(self, now: datetime) -> None:
        """Say that a scheduled tick was done.

        Raises:
            DependencyError: CloudWatch does not answer.
        """
        self._put(MetricName=METRIC_HEARTBEAT, Value=1.0, Unit="Count", Timestamp=now)

    def _put(self, **datum: Any) -> None:  # noqa: ANN401 - PutMetricData's MetricDatum
        with calling("cloudwatch", f"take {datum['MetricName']}"):
            self._cloudwatch.put_metric_data(Namespace=METRIC_NAMESPACE, MetricData=[datum])
