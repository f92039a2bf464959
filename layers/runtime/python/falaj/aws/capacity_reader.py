"""Which models are short of capacity, by their alarms, and how short, by Lambda's own counts.

Source:
    docs.aws.amazon.com/lambda/latest/dg/monitoring-metrics-types.html: `Throttles`, "invocation
    requests that are throttled … not counted as either Invocations or Errors"; read 2026-11-22.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final

from falaj.aws.calls import Client, calling
from falaj.contract import CAPACITY_ALARM_PREFIX

LOOKED_BACK: Final = timedelta(minutes=3)
"""Lambda's metrics of a minute arrive up to a minute later; the last whole ones are in here."""
_MINUTE_S: Final = 60
_DIMENSION: Final = "FunctionName"
_NAMES: Final = {"throttles": "Throttles", "invocations": "Invocations"}


class CapacityReader:
    """Reads alarms on capacity and what is behind them.

    Args:
        client: A CloudWatch client.
    """

    def __init__(self, client: Client) -> None:
        self._cloudwatch = client

    def short(self) -> Mapping[str, str]:
        """Return the function of each model whose alarm is red.

        Raises:
            DependencyError: CloudWatch does not answer.
        """
        with calling("cloudwatch", "describe alarms"):
            pages = self._cloudwatch.get_paginator("describe_alarms").paginate(
                AlarmNamePrefix=CAPACITY_ALARM_PREFIX,
                AlarmTypes=["MetricAlarm"],
                StateValue="ALARM",
            )
            found = [alarm for page in pages for alarm in page["MetricAlarms"]]
        return {
            str(alarm["AlarmName"]).removeprefix(CAPACITY_ALARM_PREFIX): _function(alarm)
            for alarm in found
            if alarm["StateValue"] == "ALARM"
        }

    def refused_share(self, function: str, *, now: datetime) -> float:
        """Return which part of the last whole minute's requests found no room, in [0, 1].

        Raises:
            DependencyError: CloudWatch does not answer.
        """
        with calling("cloudwatch", "give metrics"):
            answer = self._cloudwatch.get_metric_data(
                MetricDataQueries=[
                    {
                        "Id": id_,
                        "MetricStat": {
                            "Metric": {
                                "Namespace": "AWS/Lambda",
                                "MetricName": name,
                                "Dimensions": [{"Name": _DIMENSION, "Value": function}],
                            },
                            "Period": _MINUTE_S,
                            "Stat": "Sum",
                        },
                    }
                    for id_, name in _NAMES.items()
                ],
                StartTime=now - LOOKED_BACK,
                EndTime=now,
                ScanBy="TimestampDescending",
            )
        counted: dict[datetime, dict[str, float]] = {}
        for series in answer["MetricDataResults"]:
            for at, value in zip(series["Timestamps"], series["Values"], strict=True):
                counted.setdefault(at, {})[series["Id"]] = value
        shares = [
            found["throttles"] / (found["throttles"] + found.get("invocations", 0.0))
            for _, found in sorted(counted.items(), reverse=True)
            if found.get("throttles")
        ]
        return shares[0] if shares else 0.0


def _function(alarm: Mapping[str, Any]) -> str:
    for query in alarm.get("Metrics", ()):
        dimensions = query.get("MetricStat", {}).get("Metric", {}).get("Dimensions", ())
        for dimension in dimensions:
            if dimension["Name"] == _DIMENSION:
                return str(dimension["Value"])
    return ""
