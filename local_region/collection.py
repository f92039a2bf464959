"""What CloudWatch collects by itself: metrics in log lines, Lambda's own of every invocation."""

from collections.abc import Callable, Iterable
from itertools import groupby
from operator import attrgetter
from typing import Final

from local_region.cloudwatch.emf import EmbeddedMetricError, Published, published
from local_region.cloudwatch.function_metrics import Invocation, record
from local_region.cloudwatch.metrics import MetricStore
from local_region.lambda_service import Invoked, LogLine

Rewrite = Callable[[LogLine, Iterable[Published]], Iterable[Published]]
Duration = Callable[[Invoked], float]
_AT: Final = attrgetter("at")


def as_published(_: LogLine, metrics: Iterable[Published]) -> Iterable[Published]:
    """Take a line's metrics as they are."""
    return metrics


def as_measured(invoked: Invoked) -> float:
    """Take an invocation's duration as it was measured."""
    return invoked.duration_ms


class Collection:
    """Puts what functions say and do into the metric store.

    Args:
        store: Where values go.
        on_malformed: Told, in a sentence, of a line whose metrics AWS would drop without a word.
        rewrite: Given a line and its metrics, says what is recorded; a rehearsal has its own.
        duration: Says how many milliseconds an invocation took.
    """

    def __init__(
        self,
        store: MetricStore,
        *,
        on_malformed: Callable[[str, str], None],
        rewrite: Rewrite = as_published,
        duration: Duration = as_measured,
    ) -> None:
        self._store, self._on_malformed = store, on_malformed
        self._rewrite, self._duration = rewrite, duration

    def line(self, line: LogLine) -> None:
        """Record the metrics that a log line carries; a malformed one is reported."""
        try:
            metrics = published(line.text)
        except EmbeddedMetricError as error:
            self._on_malformed(line.function, str(error))
            return
        if not metrics:
            return
        for at, found in groupby(self._rewrite(line, metrics), key=_AT):
            self._store.put_all(((item.metric, item.values) for item in found), at=at)

    def invoked(self, invoked: Invoked) -> None:
        """Record Lambda's own metrics of one attempt."""
        record(
            self._store,
            Invocation(
                function=invoked.function,
                qualifier=invoked.qualifier,
                is_alias=invoked.is_alias,
                executed_version=invoked.executed_version,
                at=invoked.at,
                duration_ms=0.0 if invoked.is_throttled else self._duration(invoked),
                is_error=invoked.is_error,
                is_throttled=invoked.is_throttled,
            ),
        )
