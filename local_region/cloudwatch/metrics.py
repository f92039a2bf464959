"""The metric store: every value at its second, read back by statistic and period."""

from bisect import bisect_left, insort
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple, Self

from local_region.cloudwatch.statistics import statistic

Series = dict[int, float]
"""Datapoints by the Unix second at which their period starts; a missing period has no entry."""


class MetricId(NamedTuple):
    """What identifies a metric: namespace, name and exactly these dimensions.

    A tuple, since it is looked up with every value of every request.

    A request for fewer dimensions than a metric was published with finds nothing, as in CloudWatch:
    it does not aggregate across dimensions of custom metrics.

    Source:
        docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/cloudwatch_concepts.html#Dimension
    """

    namespace: str
    name: str
    dimensions: frozenset[tuple[str, str]] = frozenset()

    @classmethod
    def of(cls, namespace: str, name: str, dimensions: Mapping[str, str]) -> Self:
        """Build the identity from a mapping of dimensions."""
        return cls(namespace, name, frozenset(dimensions.items()))


@dataclass(slots=True)
class _Recorded:
    """One metric's values by second; `seconds` is kept sorted for range reads."""

    values: dict[int, list[float]] = field(default_factory=dict)
    seconds: list[int] = field(default_factory=list)

    def add(self, second: int, values: Iterable[float]) -> None:
        known = self.values.get(second)
        if known is not None:
            known.extend(values)
            return
        self.values[second] = list(values)
        if not self.seconds or second > self.seconds[-1]:
            self.seconds.append(second)
        else:
            insort(self.seconds, second)

    def between(self, start: int, end: int) -> list[float]:
        low, high = bisect_left(self.seconds, start), bisect_left(self.seconds, end)
        return [value for second in self.seconds[low:high] for value in self.values[second]]

    def forget_before(self, second: int) -> None:
        low = bisect_left(self.seconds, second)
        for old in self.seconds[:low]:
            del self.values[old]
        del self.seconds[:low]


class MetricStore:
    """Holds what was published; grows only by `put`, shrinks only by `forget`."""

    def __init__(self) -> None:
        self._metrics: dict[MetricId, _Recorded] = {}

    def put(self, metric: MetricId, values: Iterable[float], *, at: datetime) -> None:
        """Record values at an instant, to the second."""
        self.put_all([(metric, values)], at=at)

    def put_all(
        self, measured: Iterable[tuple[MetricId, Iterable[float]]], *, at: datetime
    ) -> None:
        """Record values of several metrics at one instant, to the second."""
        second = int(at.timestamp())
        for metric, values in measured:
            recorded = self._metrics.get(metric)
            if recorded is None:
                recorded = self._metrics[metric] = _Recorded()
            recorded.add(second, values)

    def __iter__(self) -> Iterator[MetricId]:
        return iter(self._metrics)

    def read(self, metric: MetricId, stat: str, *, start: int, end: int, period_s: int) -> Series:
        """Read one statistic per period that holds at least one value.

        Args:
            metric: Which metric.
            stat: A statistic's name, such as `Sum`, `p99` or `PR(:300)`.
            start: First second, the start of the first period.
            end: Second after the last period.
            period_s: Length of each period in seconds.
        """
        recorded = self._metrics.get(metric)
        if recorded is None:
            return {}
        found: Series = {}
        for begin in range(start, end, period_s):
            values = recorded.between(begin, min(begin + period_s, end))
            if values:
                found[begin] = statistic(stat, values)
        return found

    def forget(self, *, before: datetime) -> None:
        """Drop values older than an instant."""
        for recorded in self._metrics.values():
            recorded.forget_before(int(before.timestamp()))
