"""Cumulative statistics of one model version, as the statistics extension reports them."""

from dataclasses import dataclass, field
from threading import Lock
from typing import Any


@dataclass(slots=True)
class Duration:
    """How often something happened and how long it took altogether."""

    count: int = 0
    ns: int = 0

    def add(self, ns: int) -> None:
        """Count one more."""
        self.count += 1
        self.ns += ns

    def to_dict(self) -> dict[str, int]:
        """Write a `$duration_stat`."""
        return {"count": self.count, "ns": self.ns}


@dataclass(slots=True)
class BatchStatistics:
    """Executions of one batch size."""

    compute_input: Duration = field(default_factory=Duration)
    compute_infer: Duration = field(default_factory=Duration)
    compute_output: Duration = field(default_factory=Duration)


class Statistics:
    """Counters of one model version since the process started; safe under threads.

    Source:
        Triton, "Statistics Extension", docs/protocol/extension_statistics.md.
    """

    BATCH_SIZES_KEPT = 256  # a caller chooses batch sizes; the table must not grow without end

    def __init__(self) -> None:
        self._lock = Lock()
        self.inference_count = 0
        self.execution_count = 0
        self.last_inference_ms = 0
        self.success = Duration()
        self.fail = Duration()
        self.queue = Duration()
        self.compute_input = Duration()
        self.compute_infer = Duration()
        self.compute_output = Duration()
        self.cache_hit = Duration()
        self.batches: dict[int, BatchStatistics] = {}

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
            self.last_inference_ms = at_ms
            self.inference_count += batch_size
            self.execution_count += 1
            self.success.add(input_ns + queue_ns + infer_ns + output_ns)
            self.queue.add(queue_ns)
            self.compute_input.add(input_ns)
            self.compute_infer.add(infer_ns)
            self.compute_output.add(output_ns)
            batch = self.batches.get(batch_size)
            if batch is None:
                if len(self.batches) >= self.BATCH_SIZES_KEPT:
                    return
                batch = self.batches[batch_size] = BatchStatistics()
            batch.compute_input.add(input_ns)
            batch.compute_infer.add(infer_ns)
            batch.compute_output.add(output_ns)

    def add_failure(self, *, ns: int) -> None:
        """Count one request that was not answered."""
        with self._lock:
            self.fail.add(ns)

    def to_dict(self, *, name: str, version: str) -> dict[str, Any]:
        """Write a `$model_stat`."""
        with self._lock:
            return {
                "name": name,
                "version": version,
                "last_inference": self.last_inference_ms,
                "inference_count": self.inference_count,
                "execution_count": self.execution_count,
                "inference_stats": {
                    "success": self.success.to_dict(),
                    "fail": self.fail.to_dict(),
                    "queue": self.queue.to_dict(),
                    "compute_input": self.compute_input.to_dict(),
                    "compute_infer": self.compute_infer.to_dict(),
                    "compute_output": self.compute_output.to_dict(),
                    "cache_hit": self.cache_hit.to_dict(),
                },
                "batch_stats": [
                    {
                        "batch_size": size,
                        "compute_input": batch.compute_input.to_dict(),
                        "compute_infer": batch.compute_infer.to_dict(),
                        "compute_output": batch.compute_output.to_dict(),
                    }
                    for size, batch in sorted(self.batches.items())
                ],
            }
