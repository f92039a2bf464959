"""How large the rollout controller is; what models reserve is reckoned against it."""

from typing import Final

from infra.constructs.service_function import FunctionSize

CONTROLLER_CONCURRENCY: Final = 3
"""Reserved: a tick, an alarm and an operator at once, however busy the models are.

More would only lose the same compare-and-swap.
"""
CONTROLLER_SIZE: Final = FunctionSize(
    memory_mib=512,
    timeout_s=60,  # a tick's length: one that hangs is over when the next begins
    reserved_concurrency=CONTROLLER_CONCURRENCY,
)
