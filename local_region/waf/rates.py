"""How many requests each address has sent in the time that a rule looks back on.

AWS WAF estimates, and acts some seconds late; here every request is counted at once.

Source:
    docs.aws.amazon.com/waf/latest/developerguide/waf-rule-statement-type-rate-based-high-level-
    settings.html (windows of 60, 120, 300 and 600 s; 300 by default; at least 10) and
    …/waf-rule-statement-type-rate-based-caveats.html (an estimate, usually within 30 s), read
    2026-11-22.
"""

from collections import deque
from collections.abc import Mapping
from typing import Any, Final

WINDOWS_S: Final = frozenset({60, 120, 300, 600})
USUAL_WINDOW_S: Final = 300
LEAST: Final = 10
_SLICE_S: Final = 1
"""Requests of one second are forgotten together."""


class Rate:
    """Counts requests by address.

    Args:
        limit: So many within the window pass.
        window_s: How far it looks back.
    """

    def __init__(self, *, limit: int, window_s: int) -> None:
        self._limit, self._window_s = limit, window_s
        self._slices: dict[str, deque[list[int]]] = {}
        self._totals: dict[str, int] = {}
        self._looked_at = 0

    def is_over(self, address: str, now: float) -> bool:
        """Count a request; say whether the address has sent more than it may."""
        second = int(now) // _SLICE_S
        if second - self._looked_at >= self._window_s:
            self._looked_at = second
            self._forget(second)
        slices = self._slices.setdefault(address, deque())
        if slices and slices[-1][0] == second:
            slices[-1][1] += 1
        else:
            slices.append([second, 1])
        self._totals[address] = self._totals.get(address, 0) + 1
        self._drop(address, second)
        return self._totals[address] > self._limit

    @property
    def addresses(self) -> int:
        """How many addresses are remembered."""
        return len(self._slices)

    def _drop(self, address: str, second: int) -> None:
        slices = self._slices[address]
        while slices and slices[0][0] <= second - self._window_s:
            self._totals[address] -= slices.popleft()[1]

    def _forget(self, second: int) -> None:
        """Forget addresses that have been quiet for a window: nobody fills the memory."""
        for address in list(self._slices):
            self._drop(address, second)
            if not self._slices[address]:
                del self._slices[address], self._totals[address]


def read_rate(said: Mapping[str, Any]) -> Rate:
    """Read a `RateBasedStatement`.

    Raises:
        ValueError: It aggregates otherwise than by address, or is no rate of AWS's.
    """
    if said.get("AggregateKeyType") != "IP":
        raise ValueError(f"AggregateKeyType {said.get('AggregateKeyType')} is not known here")
    limit, window_s = int(said["Limit"]), int(said.get("EvaluationWindowSec", USUAL_WINDOW_S))
    if limit < LEAST or window_s not in WINDOWS_S:
        raise ValueError(f"a rate of {limit} in {window_s} s is none that AWS takes")
    return Rate(limit=limit, window_s=window_s)
