"""How much of an invocation is left."""

from collections.abc import Callable
from typing import Any


def time_left(context: Any, *, reserve_ms: int) -> Callable[[], bool]:  # noqa: ANN401 - Lambda's context has no public type
    """Return what tells whether more may be begun.

    Args:
        context: Lambda's, or None where nothing ends the work.
        reserve_ms: Time kept back before the timeout.
    """
    if context is None:
        return lambda: True
    return lambda: context.get_remaining_time_in_millis() > reserve_ms
