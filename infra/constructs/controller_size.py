"""How large the rollout controller is; what models reserve is reckoned against it."""

from typing import Final

CONTROLLER_TIMEOUT_S: Final = 60
"""A tick's length: one that hangs is over when the next begins."""
CONTROLLER_MEMORY_MIB: Final = 512
CONTROLLER_CONCURRENCY: Final = 3
"""Reserved: a tick, an alarm and an operator at once, however busy the models are.

More would only lose the same compare-and-swap.
"""
