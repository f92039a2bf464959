"""Prometheus text with the names Triton's users have dashboards for.

Source:
    Triton, docs/user_guide/metrics.md ("Inference Request Metrics", "Pending Request Count", "Cache
    Metrics") and its page's own words for each (triton-inference-server/core, src/metrics.cc); the
    text format is prometheus.io/docs/instrumenting/exposition_formats.
"""

from collections.abc import Iterable, Iterator
from typing import Any, Final

from falaj.container.worker import BACKEND, CANCELED, REJECTED, Worker

CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"

_COUNTERS: Final = {
    "nv_inference_request_success": "Number of successful inference requests, all batch sizes",
    "nv_inference_request_failure": "Number of failed inference requests, all batch sizes",
    "nv_inference_count": "Number of inferences performed (does not include cached requests)",
    "nv_inference_exec_count": (
        "Number of model executions performed (does not include cached requests)"
    ),
    "nv_inference_request_duration_us": (
        "Cumulative inference request duration in microseconds (includes cached requests)"
    ),
    "nv_inference_queue_duration_us": (
        "Cumulative inference queuing duration in microseconds (includes cached requests)"
    ),
    "nv_inference_compute_input_duration_us": (
        "Cumulative compute input duration in microseconds (does not include cached requests)"
    ),
    "nv_inference_compute_infer_duration_us": (
        "Cumulative compute inference duration in microseconds (does not include cached requests)"
    ),
    "nv_inference_compute_output_duration_us": (
        "Cumulative inference compute output duration in microseconds "
        "(does not include cached requests)"
    ),
    "nv_cache_num_hits_per_model": "Number of cache hits per model",
    "nv_cache_num_misses_per_model": "Number of cache misses per model",
    "nv_cache_hit_duration_per_model": "Total cache hit duration per model, in microseconds",
    "nv_cache_miss_duration_per_model": (
        "Total cache miss (insert+lookup) duration per model, in microseconds"
    ),
}
_GAUGES: Final = {
    "nv_inference_pending_request_count": "Instantaneous number of pending requests per-model",
}
_REASONS: Final = (REJECTED, CANCELED, BACKEND)
_OTHER: Final = "OTHER"
"""What callers did wrong, and whatever came while the container was stopping."""


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
    failed = {reason: worker.failed.get(reason, 0) for reason in _REASONS}
    failed[_OTHER] = inference["fail"]["count"] - sum(failed.values())
    for reason, count in failed.items():
        yield "nv_inference_request_failure", f'{{{labels},reason="{reason}"}}', count
    yield "nv_inference_count", plain, stats["inference_count"]
    yield "nv_inference_exec_count", plain, stats["execution_count"]
    yield "nv_inference_request_duration_us", plain, _us(inference["success"])
    for part in ("queue", "compute_input", "compute_infer", "compute_output"):
        yield f"nv_inference_{part}_duration_us", plain, _us(inference[part])
    yield "nv_inference_pending_request_count", plain, worker.scheduler.waiting
    if worker.cache is not None:
        for kind, plural in (("hit", "hits"), ("miss", "misses")):
            found = inference[f"cache_{kind}"]
            yield f"nv_cache_num_{plural}_per_model", plain, found["count"]
            yield f"nv_cache_{kind}_duration_per_model", plain, _us(found)


def _us(duration: dict[str, Any]) -> int:
    return int(duration["ns"]) // 1000
