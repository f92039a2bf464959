"""What Triton's Prometheus page says, as the counts that a container of ours would tell.

Source:
    docs.nvidia.com/deeplearning/triton-inference-server/user-guide/docs/user_guide/metrics.html:
    `nv_inference_request_success`, `nv_inference_request_failure` (with a `reason`),
    `nv_inference_queue_duration_us`, `nv_inference_pending_request_count`, `nv_gpu_utilization`
    (0.0 to 1.0).
"""

import re
from dataclasses import dataclass
from typing import Final, Self

_SAMPLE: Final = re.compile(r"^(nv_\w+)\{([^}]*)\}\s+(\S+)")
_LABEL: Final = re.compile(r'(\w+)="([^"]*)"')
OURS: Final = frozenset({"BACKEND", "REJECTED"})
"""Reasons of failure that count as bad; what a caller did wrong is among OTHER and CANCELED."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Totals:
    """Counts of one model since Triton started, and what it is doing now.

    Attributes:
        answered: Requests that were answered.
        failed: Requests that were not, for whatever reason.
        bad: Those of them that are ours to mend.
        queue_us: Microseconds that answered requests had waited.
        pending: Requests that wait now.
        gpu_share: Share of the time that kernels ran; None where Triton does not say.
    """

    answered: float = 0
    failed: float = 0
    bad: float = 0
    queue_us: float = 0
    pending: float = 0
    gpu_share: float | None = None

    @classmethod
    def read(cls, page: str, model: str) -> Self:
        """Read the samples of one model, over all its versions, and the replica's own GPU."""
        found = dict.fromkeys(("answered", "failed", "bad", "queue_us", "pending"), 0.0)
        gpu_share: float | None = None
        for name, labels, value in _samples(page):
            if name == "nv_gpu_utilization":
                gpu_share = value
            if labels.get("model") != model:
                continue
            if name in _COUNTED:
                found[_COUNTED[name]] += value
            if name == "nv_inference_request_failure" and labels.get("reason") in OURS:
                found["bad"] += value
        return cls(**found, gpu_share=gpu_share)

    def since(self, before: Self) -> Self:
        """Return what came since; all of it where Triton has started anew."""
        if self.answered < before.answered or self.failed < before.failed:
            return self
        return type(self)(
            answered=self.answered - before.answered,
            failed=self.failed - before.failed,
            bad=self.bad - before.bad,
            queue_us=self.queue_us - before.queue_us,
            pending=self.pending,
            gpu_share=self.gpu_share,
        )

    @property
    def queue_ms(self) -> float:
        """Mean milliseconds in the queue; 0 where nobody asked."""
        return self.queue_us / max(1.0, self.answered) / 1000


_COUNTED: Final = {
    "nv_inference_request_success": "answered",
    "nv_inference_request_failure": "failed",
    "nv_inference_queue_duration_us": "queue_us",
    "nv_inference_pending_request_count": "pending",
}


def _samples(page: str) -> list[tuple[str, dict[str, str], float]]:
    found = []
    for line in page.splitlines():
        match = _SAMPLE.match(line)
        if match is not None:
            found.append((match[1], dict(_LABEL.findall(match[2])), float(match[3])))
    return found
