"""Cumulative statistics of one model version, as the statistics extension reports them."""

from threading import Lock
from typing import Any


class Statistics:
    """Counters of one model version since the process started; safe under threads.

    Source:
        Triton, "Statistics Extension", docs/protocol/extension_statistics.md.
    """

    BATCH_SIZES_KEPT = 256  # a caller chooses batch sizes; the table must not grow without end

    def __init__(self) -> None:
        self._lock = Lock()
        self._all = _Sums()
        self._batches: dict[int, _Sums] = {}
        self._executions = 0
        self._hits = self._hits_ns = 0
        self._misses = self._misses_ns = 0
        self._failures = 0
        self._failures_ns = 0
        self._last_inference_ms = 0

    def add_success(
        self,
        *,
        at_ms: int,
        batch_size: int,
        input_ns: int,
        infer_ns: int,
        output_ns: int,
        queue_ns: int = 0,
    ) -> None:
        """Count one answered request that was executed on its own."""
        with self._lock:
            self._last_inference_ms = at_ms
            self._executions += 1
            self._all.add(batch_size, input_ns, infer_ns, output_ns, queue_ns)
            self._add_to_size(batch_size, input_ns, infer_ns, output_ns, queue_ns)

    def add_batch(
        self,
        *,
        at_ms: int,
        requests: int,
        rows: int,
        input_ns: int,
        infer_ns: int,
        output_ns: int,
        queue_ns: int,
    ) -> None:
        """Count several answered requests that were executed together.

        Args:
            at_ms: When, in milliseconds of Unix time.
            requests: How many.
            rows: Rows of all of them.
            input_ns: Decoding, summed over the requests.
            infer_ns: The one execution; each request waited for all of it.
            output_ns: Encoding, summed over the requests.
            queue_ns: Waiting, summed over the requests.
        """
        with self._lock:
            self._last_inference_ms = at_ms
            self._executions += 1
            every = self._all
            every.add(rows, input_ns, infer_ns * requests, output_ns, queue_ns)
            every.count += requests - 1
            self._add_to_size(rows, input_ns, infer_ns, output_ns, queue_ns)

    def add_hit(self, *, ns: int) -> None:
        """Count one request that was answered from the response cache."""
        with self._lock:
            self._hits += 1
            self._hits_ns += ns

    def add_miss(self, *, ns: int) -> None:
        """Count one request that the response cache did not know, and what it cost to look."""
        with self._lock:
            self._misses += 1
            self._misses_ns += ns

    def add_failure(self, *, ns: int) -> None:
        """Count one request that was not answered."""
        with self._lock:
            self._failures += 1
            self._failures_ns += ns

    def _add_to_size(
        self, rows: int, input_ns: int, infer_ns: int, output_ns: int, queue_ns: int
    ) -> None:
        batch = self._batches.get(rows)
        if batch is None:
            if len(self._batches) >= self.BATCH_SIZES_KEPT:
                return
            batch = self._batches[rows] = _Sums()
        batch.add(rows, input_ns, infer_ns, output_ns, queue_ns)

    def to_dict(self, *, name: str, version: str) -> dict[str, Any]:
        """Write a `$model_stat`."""
        with self._lock:
            every = self._all
            total_ns = every.queue_ns + every.input_ns + every.infer_ns + every.output_ns
            return {
                "name": name,
                "version": version,
                "last_inference": self._last_inference_ms,
                "inference_count": every.inferences,
                "execution_count": self._executions,
                "inference_stats": {
                    "success": _duration(every.count + self._hits, total_ns + self._hits_ns),
                    "fail": _duration(self._failures, self._failures_ns),
                    "queue": _duration(every.count, every.queue_ns),
                    **every.to_dict(),
                    "cache_hit": _duration(self._hits, self._hits_ns),
                    "cache_miss": _duration(self._misses, self._misses_ns),
                },
                "batch_stats": [
                    {"batch_size": size, **batch.to_dict()}
                    for size, batch in sorted(self._batches.items())
                ],
            }


class _Sums:
    __slots__ = ("count", "infer_ns", "inferences", "input_ns", "output_ns", "queue_ns")

    def __init__(self) -> None:
        self.count = self.inferences = 0
        self.input_ns = self.infer_ns = self.output_ns = self.queue_ns = 0

    def add(
        self, batch_size: int, input_ns: int, infer_ns: int, output_ns: int, queue_ns: int
    ) -> None:
        self.count += 1
        self.inferences += batch_size
        self.input_ns += input_ns
        self.infer_ns += infer_ns
        self.output_ns += output_ns
        self.queue_ns += queue_ns

    def to_dict(self) -> dict[str, Any]:
        return {
            "compute_input": _duration(self.count, self.input_ns),
            "compute_infer": _duration(self.count, self.infer_ns),
            "compute_output": _duration(self.count, self.output_ns),
        }


def _duration(count: int, ns: int) -> dict[str, int]:
    """Write a `$duration_stat`."""
    return {"count": count, "ns": ns}
