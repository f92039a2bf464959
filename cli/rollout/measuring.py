"""What CloudWatch knows about a rollout: evidence, traffic by version, alarms."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from cli.region.connection import Connection
from cli.rollout.picture import Alarm, Measured, Traffic, versions, watched_since
from falaj.contract import (
    ALARM_PREFIX,
    DIMENSION_MODEL,
    DIMENSION_RELEASE,
    HEARTBEAT_ALARM,
    METRIC_BAD,
    METRIC_LOG_EVIDENCE,
    METRIC_NAMESPACE,
    METRIC_REQUESTS,
)
from falaj.domain.alarm_text import read_alarm_text
from falaj.domain.rollout import Rollout

POINTS: Final = 120
"""Of a series at most; the period grows with the window."""


@dataclass(frozen=True, slots=True)
class Meter:
    """Reads CloudWatch.

    Attributes:
        connection: Whose.
    """

    connection: Connection

    def measure(self, rollout: Rollout, now: datetime) -> Measured:
        """Read evidence, traffic and alarms.

        Raises:
            CommandError: CloudWatch refused or did not answer.
        """
        roles = versions(rollout)
        series = self._series(rollout, [version for version, _ in roles], now)
        return Measured(
            evidence=tuple(series.get("evidence", ())) if rollout.is_live else (),
            traffic=tuple(
                Traffic(
                    version=version,
                    role=role,
                    requests=round(sum(series.get(f"requests{version}", ()))),
                    bad=round(sum(series.get(f"bad{version}", ()))),
                )
                for version, role in roles
            ),
            alarms=self._alarms(rollout),
        )

    def _series(
        self, rollout: Rollout, counted: Sequence[str], now: datetime
    ) -> dict[str, list[float]]:
        # The controller's clock may be ahead of this machine's.
        since = min(watched_since(rollout, now), now - timedelta(minutes=1))
        period_s = period_for(now - since)
        asked = [("evidence", METRIC_LOG_EVIDENCE, "Maximum", rollout.candidate or "0")]
        for version in counted:
            asked.append((f"requests{version}", METRIC_REQUESTS, "Sum", version))
            asked.append((f"bad{version}", METRIC_BAD, "Sum", version))
        series: dict[str, list[float]] = {}
        with self.connection.translated("read its metrics"):
            pages = self.connection.client("cloudwatch").get_paginator("get_metric_data")
            for page in pages.paginate(
                MetricDataQueries=[
                    _query(one, model=rollout.model, period_s=period_s) for one in asked
                ],
                StartTime=since,
                EndTime=now,
                ScanBy="TimestampAscending",
            ):
                for result in page["MetricDataResults"]:
                    series.setdefault(result["Id"], []).extend(result["Values"])
        return series

    def _alarms(self, rollout: Rollout) -> tuple[Alarm, ...]:
        prefix = f"{ALARM_PREFIX}{rollout.model}-"
        with self.connection.translated("read its alarms"):
            pages = self.connection.client("cloudwatch").get_paginator("describe_alarms")
            described = [
                alarm
                for asked in ({"AlarmNamePrefix": prefix}, {"AlarmNames": [HEARTBEAT_ALARM]})
                for page in pages.paginate(AlarmTypes=["MetricAlarm"], **asked)
                for alarm in page["MetricAlarms"]
            ]
        found = [alarm for one in described if (alarm := _alarm(one, rollout))]
        return tuple(sorted(found, key=lambda alarm: (not alarm.is_red, alarm.name)))


def period_for(window: timedelta) -> int:
    """Return a period in seconds that gives a window at most `POINTS` points, and is still kept.

    Example:
        >>> period_for(timedelta(hours=1)), period_for(timedelta(days=20))
        (60, 14400)

    Source:
        docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_MetricStat.html, `Period`:
        a multiple of 300 s for what is older than 15 days, of 3600 s for older than 63 days.
    """
    minutes = math.ceil(window.total_seconds() / 60 / POINTS)
    unit = next((unit for most, unit in ((5, 1), (60, 5)) if minutes <= most), 60)
    return max(1, math.ceil(minutes / unit)) * unit * 60


def _query(asked: tuple[str, str, str, str], *, model: str, period_s: int) -> dict[str, Any]:
    id_, metric, stat, release = asked
    dimensions = {DIMENSION_MODEL: model, DIMENSION_RELEASE: release}
    return {
        "Id": id_,
        "MetricStat": {
            "Metric": {
                "Namespace": METRIC_NAMESPACE,
                "MetricName": metric,
                "Dimensions": [{"Name": k, "Value": v} for k, v in dimensions.items()],
            },
            "Period": period_s,
            "Stat": stat,
        },
    }


def _alarm(described: Mapping[str, Any], rollout: Rollout) -> Alarm | None:
    """Read an alarm of the controller's own or of a version in this rollout; None for another."""
    text = read_alarm_text(described.get("AlarmDescription", ""))
    if (
        text is None
        or text.model not in {rollout.model, ""}
        or text.version not in {"", rollout.candidate, rollout.stable}
    ):
        return None
    return Alarm(
        name=described["AlarmName"],
        kind=text.kind,
        effect=text.effect,
        version=text.version,
        state=described["StateValue"],
        says=text.says,
    )
