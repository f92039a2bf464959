"""The metrics Lambda itself publishes for every invocation, under the dimensions AWS gives them.

Source:
    docs.aws.amazon.com/lambda/latest/dg/monitoring-metrics-types.html (Invocations, Errors,
    Throttles, Duration) and monitoring-metrics-view.html: dimensions `FunctionName`; `Resource`
    (`name:alias` or `name:version`) for qualified calls; `ExecutedVersion` besides, for calls by an
    alias. "Throttled requests ... don't count as Invocations or Errors."
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from local_region.cloudwatch.metrics import MetricId, MetricStore

NAMESPACE: Final = "AWS/Lambda"


@dataclass(frozen=True, slots=True, kw_only=True)
class Invocation:
    """One call of a function, as its metrics see it.

    Attributes:
        function: Function name.
        qualifier: Alias or version that was called; None for the unqualified function.
        is_alias: Whether the qualifier is an alias.
        executed_version: Version that ran; None when nothing ran.
        at: When it began.
        duration_ms: Time in the handler.
        is_error: Whether it ended in a function error (raised, timed out, crashed).
        is_throttled: Whether it was refused for want of concurrency.
    """

    function: str
    qualifier: str | None
    is_alias: bool
    executed_version: str | None
    at: datetime
    duration_ms: float = 0.0
    is_error: bool = False
    is_throttled: bool = False

    def dimension_sets(self) -> list[dict[str, str]]:
        """List the dimensions under which each metric is published."""
        function = {"FunctionName": self.function}
        sets = [function]
        if self.qualifier is not None:
            resource = {**function, "Resource": f"{self.function}:{self.qualifier}"}
            sets.append(resource)
            if self.is_alias and self.executed_version is not None:
                sets.append({**resource, "ExecutedVersion": self.executed_version})
        return sets


def record(store: MetricStore, invocation: Invocation) -> None:
    """Publish one invocation's metrics."""
    if invocation.is_throttled:
        values = {"Throttles": 1.0}
    else:
        values = {
            "Invocations": 1.0,
            "Errors": 1.0 if invocation.is_error else 0.0,
            "Throttles": 0.0,
            "Duration": invocation.duration_ms,
        }
    for dimensions in invocation.dimension_sets():
        for name, value in values.items():
            store.put(MetricId.of(NAMESPACE, name, dimensions), [value], at=invocation.at)
