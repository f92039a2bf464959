"""One inference on its way through cache, sequence and batch."""

from collections.abc import Callable, Sequence
from typing import Any

from falaj.batching.entry import FIRST_RANK, NORMAL_PRIORITY
from falaj.engines.engine import Tensor
from falaj.engines.inference import InferenceRequest
from falaj.errors import FalajError

Answer = Sequence[Tensor] | FalajError


class Call:
    """A decoded request and who waits for it.

    Args:
        inference: What to compute.
        done: Told this call and its answer, once; returns whether it could be sent as it is.
        began_ns: When the request was complete.
        decoded_ns: When it was decoded.
        tenant: On whose behalf.
        priority: 1 goes first.
        timeout_ns: How long it may wait; None for as long as the service allows.
        rank: The tenant's, where tenants have priorities: the last ones leave a full queue first.

    Attributes:
        queue_ns: Time spent waiting.
        infer_ns: Time of the run it was part of.
        cancel: Gives the call up; set while it waits.
    """

    __slots__ = (
        "began_ns",
        "cancel",
        "decoded_ns",
        "done",
        "infer_ns",
        "inference",
        "priority",
        "queue_ns",
        "rank",
        "tenant",
        "timeout_ns",
    )

    def __init__(
        self,
        inference: InferenceRequest,
        done: "Callable[[Any, Answer], bool]",
        *,
        began_ns: int,
        decoded_ns: int,
        tenant: str = "",
        priority: int = NORMAL_PRIORITY,
        timeout_ns: int | None = None,
        rank: int = FIRST_RANK,
    ) -> None:
        self.inference = inference
        self.done = done
        self.began_ns = began_ns
        self.decoded_ns = decoded_ns
        self.tenant = tenant
        self.priority = priority
        self.timeout_ns = timeout_ns
        self.rank = rank
        self.queue_ns = self.infer_ns = 0
        self.cancel: Callable[[], None] | None = None

    def give_up(self) -> None:
        """Stop waiting; what runs already runs on for nobody."""
        if self.cancel is not None:
            self.cancel()
