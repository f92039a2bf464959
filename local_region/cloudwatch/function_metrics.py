"""The metrics Lambda itself publishes for every invocation, under the dimensions AWS gives them.

Source:
    docs.aws.amazon.com/lambda/latest/dg/monitoring-metrics-types.html (Invocations, Errors,
    Throttles, Duration) and monitoring-metrics-view.html: dimensions `FunctionName`; `Resource`
    (`name:alias` or `name:version`) for qualified calls; `ExecutedVersion` besides, for calls by an
    alias. "Throttled requests ... don't count as Invocations or Errors."
"""

from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Final

from local_region.cloudwatch.metrics import MetricId, MetricStore

NAMESPACE: Final = "AWS/Lambda"
_THROTTLED: Final[tuple[str, ...]] = ("Throttles",)
_RAN: Final[tuple[str, ...]] = ("Invocations", "Errors", "Throttles", "Duration")


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
        executed = self.executed_version if self.is_alias else None
        return _dimension_sets(self.function, self.qualifier, executed)


def record(store: MetricStore, invocation: Invocation) -> None:
    """Publish one invocation's metrics."""
    executed = invocation.executed_version if invocation.is_alias else None
    names: tuple[str, ...] = _THROTTLED
    values: tuple[float, ...] = (1.0,)
    if not invocation.is_throttled:
        errors = 1.0 if invocation.is_error else 0.0
        names, values = _RAN, (1.0, errors, 0.0, invocation.duration_ms)
    store.put_all(
        (
            (identity, (value,))
            for identities in _identities(
                invocation.function, invocation.qualifier, executed, names
            )
            for identity, value in zip(identities, values, strict=True)
        ),
        at=invocation.at,
    )


@lru_cache(maxsize=256)  # asked with every invocation, of a few versions
def _identities(
    function: str, qualifier: str | None, executed: str | None, names: tuple[str, ...]
) -> tuple[tuple[MetricId, ...], ...]:
    return tuple(
        tuple(MetricId.of(NAMESPACE, name, dimensions) for name in names)
        for dimensions in _dimension_sets(function, qualifier, executed)
    )


def _dimension_sets(
    function: str, qualifier: str | None, executed: str | None
) -> list[dict[str, str]]:
    """List dimensions; `executed` is the version that ran, of a call by an alias."""
    known = {"FunctionName": function}
    sets = [known]
    if qualifier is not None:
        resource = {**known, "Resource": f"{function}:{qualifier}"}
        sets.append(resource)
        if executed is not None:
            sets.append({**resource, "ExecutedVersion": executed})
    return sets
