"""One inference on its way through cache, sequence and batch."""

from collections.abc import Callable, Sequence
from typing import Any, Protocol, Self

from falaj.batching.entry import Entry
from falaj.engines.engine import Tensor
from falaj.engines.inference import InferenceRequest
from falaj.errors import FalajError

Answer = Sequence[Tensor] | FalajError


class Holder(Protocol):
    """Whose queue a call waits in."""

    def let_go(self, call: "Call") -> None:
        """Forget a call that nobody waits for any more."""
        ...


class Call(Entry):
    """A decoded request and who waits for it: what queues hold.

    Args:
        inference: What to compute.
        done: Told this call and its answer, once; returns whether it could be sent as it is.
        began_ns: When the request was complete.
        arrived_ns: When it was decoded.

    Attributes:
        timeout_ns: How long it may wait; None for as long as the service allows.
        queue_ns: Time spent waiting.
        infer_ns: Time of the run it was part of.
        holder: Where it can be given up; None if it cannot.
    """

    timeout_ns: int | None = None
    queue_ns: int = 0
    infer_ns: int = 0
    holder: Holder | None = None

    def __init__(
        self,
        inference: InferenceRequest,
        done: "Callable[[Any, Answer], bool]",
        began_ns: int,
        arrived_ns: int,
    ) -> None:
        self.inference = inference
        self.done = done
        self.began_ns = began_ns
        self.arrived_ns = arrived_ns

    def on_behalf_of(self, tenant: str, rank: int) -> Self:
        """Say who asks; nobody in particular unless this is called."""
        self.tenant, self.rank = tenant, rank
        return self

    def give_up(self) -> None:
        """Stop waiting; what runs already runs on for nobody."""
        if self.holder is not None:
            self.holder.let_go(self)
