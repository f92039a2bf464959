"""What a function may hold while zones are lost, in virtual time.

A rehearsal sends some requests a second, each of which stands for many alike. What they ask for
together is taken as a part of the room that all zones give (`load_share`); what is left of the
room is what the zones that are left give. A request finds none when the work before it, spread
evenly as the many would be, is more than the zones that are left have done by then. Whatever
makes requests cheaper makes room: one that a function refuses takes a millisecond of it.

Lambda keeps a zone's worth in reserve, as AWS asks of everybody: with one zone lost nothing is
missing, with more the zones that are left give what they have. How much that is, AWS does not
promise; here each gives its part of what all but one would.

Source:
    aws.amazon.com/builders-library/static-stability-using-availability-zones (a service in three
    zones has half as much again, so that two carry everything) and
    docs.aws.amazon.com/lambda/latest/dg/security-resilience.html ("Lambda runs your function in
    multiple Availability Zones to ensure that it is available to process events in case of a
    service interruption in a single zone"); read 2026-11-22.
"""

import math
from datetime import datetime
from typing import Final

from local_region.lambda_service.refusals import TooManyRequestsError
from local_region.rehearsal.latencies import MEDIAN_MS, SPREAD
from local_region.rehearsal.outages import zones

UNEVENNESS_S: Final = 10.0
"""How uneven the sample may be: the many requests it stands for are not."""
_MEAN_MS: Final = MEDIAN_MS * math.exp(SPREAD**2 / 2)


def share_left(lost: int, of: int) -> float:
    """Return which part of the usual room is left, in [0, 1].

    Example:
        >>> [share_left(lost, 3) for lost in range(4)]
        [1.0, 1.0, 0.5, 0.0]
    """
    return min(1.0, (of - lost) / max(1, of - 1))


class ZoneRoom:
    """Room for one function.

    Attributes:
        throttled: Requests that found none.

    Args:
        traffic_rps: Requests a second, on average.
        load_share: Part of the usual room that they take, above 0.
        now: The time.
    """

    def __init__(self, *, traffic_rps: float, load_share: float, now: datetime) -> None:
        self._full_ms_per_s = traffic_rps * _MEAN_MS / load_share
        self._left = self._full_ms_per_s
        self._waiting_ms, self._at = 0.0, now
        self.throttled = 0

    def lose(self, lost: int, now: datetime) -> None:
        """Let so many zones be lost from now on."""
        self._done_by(now)
        self._left = self._full_ms_per_s * share_left(lost, len(zones()))

    def check(self, now: datetime) -> None:
        """Refuse an invocation for which there is no room.

        Raises:
            TooManyRequestsError: As Lambda says it.
        """
        self._done_by(now)
        if self._waiting_ms > self._left * UNEVENNESS_S:
            self.throttled += 1
            raise TooManyRequestsError("ReservedFunctionConcurrentInvocationLimitExceeded")

    def took(self, milliseconds: float) -> None:
        """Count the work of an invocation."""
        self._waiting_ms += milliseconds

    def _done_by(self, now: datetime) -> None:
        gone_s = (now - self._at).total_seconds()
        self._waiting_ms = max(0.0, self._waiting_ms - gone_s * self._left)
        self._at = now
