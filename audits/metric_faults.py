"""Why an alarm saw nothing: which of its metrics nobody publishes, and what they publish."""

from collections.abc import Iterable, Iterator

from audits.alarm_wiring import Break
from local_region.cloudwatch.alarms import Alarm
from local_region.cloudwatch.metrics import MetricId


def metric_faults(alarm: Alarm, emitted: Iterable[MetricId]) -> Iterator[Break]:
    """Yield a fault for each metric of an alarm that nobody publishes, or that stands twice.

    Args:
        alarm: The alarm.
        emitted: Every metric that was published when all that can happen had happened.
    """
    known = list(emitted)
    yield from _twins(alarm)
    for query in alarm.queries:
        if query.metric is not None and query.metric not in known:
            yield _fault(query.metric, known)


def _twins(alarm: Alarm) -> Iterator[Break]:
    """Yield a fault if a comparison has the same metric on both sides."""
    seen: set[tuple[MetricId, str]] = set()
    for query in alarm.queries:
        if query.metric is None:
            continue
        if (query.metric, query.stat) in seen:
            keys = _shown(key for key, _ in query.metric.dimensions)
            yield Break(
                problem=f"it compares {query.metric.name} by {keys} with itself",
                mend="count the candidate alone: Release, or ExecutedVersion beside Resource",
            )
            return
        seen.add((query.metric, query.stat))


def _fault(metric: MetricId, known: list[MetricId]) -> Break:
    in_space = [other for other in known if other.namespace == metric.namespace]
    if not in_space:
        spaces = ", ".join(sorted({other.namespace for other in known}))
        return Break(
            problem=f"nobody publishes into namespace {metric.namespace!r}",
            mend=f"write one of {spaces}",
        )
    named = [other for other in in_space if other.name == metric.name]
    if not named:
        names = ", ".join(sorted({other.name for other in in_space}))
        return Break(
            problem=f"nobody publishes {metric.namespace} {metric.name}",
            mend=f"write one of {names}",
        )
    wanted = {key for key, _ in metric.dimensions}
    sets = {frozenset(key for key, _ in other.dimensions) for other in named}
    if wanted not in sets:
        shown = " or ".join(sorted(_shown(keys) for keys in sets))
        return Break(
            problem=f"{metric.name} is not published by {_shown(wanted)}",
            mend=f"name exactly {shown}",
        )
    same = [other for other in named if {key for key, _ in other.dimensions} == wanted]
    published = dict(_nearest(metric, same).dimensions)
    wrong = [
        f"{key} is {value!r} where {published[key]!r} is published"
        for key, value in sorted(metric.dimensions)
        if published[key] != value
    ]
    return Break(
        problem=f"{metric.name}: {', '.join(wrong)}",
        mend="refer to the resource of this stack instead of writing its name",
    )


def _nearest(metric: MetricId, others: list[MetricId]) -> MetricId:
    """Return the metric that shares most dimension values; published last wins a tie."""
    return max(others, key=lambda other: len(other.dimensions & metric.dimensions))


def _shown(keys: Iterable[str]) -> str:
    return f"({', '.join(sorted(keys))})"
