"""How long requests take in virtual time: a seeded draw each, whatever the machine is busy with.

A rehearsal's latencies are not measurements. Every request of both versions is drawn from one
log-normal distribution by its own trace id, so that versions differ by nothing but the fault that
is rehearsed, and the same seed gives the same numbers. The draw replaces `Latency` and
`InferenceLatency` in the function's line and `Duration` among Lambda's metrics.
"""

import math
import random
import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from falaj.contract import METRIC_INFERENCE_LATENCY, METRIC_LATENCY, METRIC_SHADOW_LATENCY
from local_region.cloudwatch.emf import Published
from local_region.lambda_service import Invoked, LogLine
from local_region.rehearsal.faults import Fault, FaultKind
from local_region.rehearsal.shared_clock import SharedClock

MEDIAN_MS: Final = 12.0
SPREAD: Final = 0.35
"""Standard deviation of the logarithm: p99 is 2.3 times the median."""
REFUSED_MS: Final = 1.0
"""What a request takes that its function refuses before it looks at it: the least that Lambda
bills."""
_INFERENCE_SHARE: Final = 0.8
_SHARES: Final = {
    METRIC_LATENCY: 1.0,
    METRIC_SHADOW_LATENCY: 1.0,
    METRIC_INFERENCE_LATENCY: _INFERENCE_SHARE,
}
"""Which metrics are drawn, and which part of the request's time each is."""
_TRACED: Final = re.compile(r'"xray_trace_id": ?"([^"]*)"')


class Latencies:
    """Draws virtual latencies.

    Args:
        clock: Knows whether faults have begun.
        seed: Of every draw.
        faults: Those on latency count.
        timeout_s: How long the function may take; a request that times out takes as long.
    """

    def __init__(
        self, clock: SharedClock, *, seed: int, faults: Sequence[Fault], timeout_s: float = 30.0
    ) -> None:
        self._clock, self._seed = clock, seed
        self._slow = [fault for fault in faults if fault.kind is FaultKind.LATENCY]
        self._refused: set[str] = set()
        self._drawn: tuple[str, float] = ("", 0.0)
        self.stable = ""
        self.timeout_s = timeout_s

    def draw(self, root: str, version: str) -> float:
        """Return a request's milliseconds."""
        if self._drawn[0] != root:  # asked for twice: of a request's line and of its invocation
            rng = random.Random(f"{self._seed}/latency/{root}")  # noqa: S311 - repeatable, not secret
            self._drawn = root, MEDIAN_MS * math.exp(rng.gauss(0.0, SPREAD))
        return self._drawn[1] * self._factor(version)

    def of_line(self, line: LogLine, metrics: Iterable[Published]) -> Iterator[Published]:
        """Write virtual latencies over measured ones."""
        drawn: float | None = None
        for item in metrics:
            share = _SHARES.get(item.metric.name)
            if share is None:
                yield item
                continue
            if drawn is None:
                traced = _TRACED.search(line.text)
                root = root_of(traced[1]) if traced else line.request_id
                drawn = self.draw(root, line.version)
            yield Published(item.metric, (round(drawn * share, 3),), item.at)

    def of_invocation(self, invoked: Invoked) -> float:
        """Return an invocation's virtual duration; a timeout lasts as long as it may."""
        if invoked.is_timeout:
            return self.timeout_s * 1000
        if invoked.request_id in self._refused:
            self._refused.remove(invoked.request_id)
            return REFUSED_MS
        return self.draw(root_of(invoked.trace), invoked.executed_version or "")

    def was_refused(self, request_id: str) -> None:
        """Note that a function refused a request before it looked at it."""
        self._refused.add(request_id)

    def _factor(self, version: str) -> float:
        if not self._clock.has_begun:
            return 1.0
        return math.prod(f.value for f in self._slow if f.is_shared or version != self.stable)


def root_of(trace: str) -> str:
    """Return a trace header's first part, which is the request's own."""
    return trace.partition(";")[0]
