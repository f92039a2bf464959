"""Prometheus text with the names Triton's users have dashboards for.

Source:
    Triton, docs/user_guide/metrics.md ("Inference Request Metrics", "Pending Request Count", "Cache
    Metrics"); the text format is prometheus.io/docs/instrumenting/exposition_formats.
"""

from collections.abc import Iterable, Iterator
from typing import Any, Final

from falaj.container.worker import Worker

CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"

_COUNTERS: Final = {
    "nv_inference_request_success": "Number of successful inference requests, all batch sizes",
    "nv_inference_request_failure": "Number of failed inference requests, all batch sizes",
    "nv_inference_count": "Number of inferences performed (does not include cached requests)",
    "nv_inference_exec_count": "Number of model executions performed",
    "nv_inference_request_duration_us": "Cumulative inference request duration in microseconds",
    "nv_inference_queue_duration_us": "Cumulative inference queuing duration in microseconds",
    "nv_inference_compute_input_duration_us": "Cumulative compute input duration in microseconds",
    "nv_inference_compute_infer_duration_us": "Cumulative compute inference duration",
    "nv_inference_compute_output_duration_us": "Cumulative inference compute output duration",
    "nv_cache_num_hits_per_model": "Number of cache hits per model",
    "nv_cache_num_misses_per_model": "Number of cache misses per model",
}
_GAUGES: Final = {
    "nv_inference_pending_request_count": "Instantaneous number of pending requests per-model",
}
_REASONS: Final = ("REJECTED", "OTHER")


def exposition(workers: Iterable[Worker], *, providers: Iterable[str] = ()) -> bytes:
    """Write every metric of every model version."""
    samples = [sample for worker in workers for sample in _samples(worker)]
    lines: list[str] = []
    for kind, names in (("counter", _COUNTERS), ("gauge", _GAUGES)):
        for name, text in names.items():
            lines += (f"# HELP {name} {text}", f"# TYPE {name} {kind}")
            lines += [
                f"{found}{labels} {value}" for found, labels, value in samples if found == name
            ]
    lines += ("# HELP falaj_provider Execution provider in use", "# TYPE falaj_provider gauge")
    lines += [f'falaj_provider{{provider="{provider}"}} 1' for provider in providers]
    return ("\n".join(lines) + "\n").encode()


def _samples(worker: Worker) -> Iterator[tuple[str, str, int]]:
    model = worker.model
    labels = f'model="{model.name}",version="{model.version}"'
    plain = f"{{{labels}}}"
    stats = model.statistics.to_dict(name=model.name, version=model.version)
    inference = stats["inference_stats"]
    yield "nv_inference_request_success", plain, inference["success"]["count"]
    rejected = worker.refused
    for reason, count in zip(
        _REASONS, (rejected, inference["fail"]["count"] - rejected), strict=True
    ):
        yield "nv_inference_request_failure", f'{{{labels},reason="{reason}"}}', count
    yield "nv_inference_count", plain, stats["inference_count"]
    yield "nv_inference_exec_count", plain, stats["execution_count"]
    yield "nv_inference_request_duration_us", plain, _us(inference["success"])
    for part in ("queue", "compute_input", "compute_infer", "compute_output"):
        yield f"nv_inference_{part}_duration_us", plain, _us(inference[part])
    yield "nv_inference_pending_request_count", plain, worker.scheduler.waiting
    if worker.cache is not None:
        yield "nv_cache_num_hits_per_model", plain, worker.cache.hits
        yield "nv_cache_num_misses_per_model", plain, worker.cache.misses


def _us(duration: dict[str, Any]) -> int:
    return int(duration["ns"]) // 1000
