"""Usage plans: a rate and a burst for each API key.

Source:
    docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-api-usage-plans.html (a token
    bucket by key; a key without a plan for the stage is refused) and
    …/api-gateway-request-throttling.html, read 2026-11-22.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from falaj.domain.clock import Clock
from falaj.domain.quota import MICROSECOND, Limits, take


class Counted(StrEnum):
    """What a plan says of one request."""

    PASSED = "passed"
    THROTTLED = "throttled"
    UNKNOWN = "no such key for this stage"


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiKey:
    """A key that counts."""

    value: str
    is_enabled: bool


@dataclass(slots=True, kw_only=True)
class Plan:
    """One plan.

    Attributes:
        stages: Pairs of API and stage.
        limits: Rate and burst of each key; None for no throttle.
        keys: Ids of its keys.
    """

    stages: frozenset[tuple[str, str]]
    limits: Limits | None
    keys: set[str] = field(default_factory=set)


class UsagePlans:
    """Every plan and key of the region, and each key's bucket."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.plans: dict[str, Plan] = {}
        self.keys: dict[str, ApiKey] = {}
        self._due_us: dict[tuple[str, str], int] = {}

    def count(self, value: str, api: str, stage: str) -> Counted:
        """Count one request of whoever bears a key."""
        found = self._plan_of(value, api, stage)
        if found is None:
            return Counted.UNKNOWN
        plan_id, key_id, limits = found
        if limits is None:
            return Counted.PASSED
        now_us = int(self._clock.now().timestamp() * MICROSECOND)
        due_us, wait_us = take(limits, self._due_us.get((plan_id, key_id), 0), now_us)
        self._due_us[plan_id, key_id] = due_us
        return Counted.THROTTLED if wait_us else Counted.PASSED

    def _plan_of(self, value: str, api: str, stage: str) -> tuple[str, str, Limits | None] | None:
        keys = [id_ for id_, key in self.keys.items() if key.value == value and key.is_enabled]
        for plan_id, plan in self.plans.items():
            if (api, stage) in plan.stages:
                for key_id in keys:
                    if key_id in plan.keys:
                        return plan_id, key_id, plan.limits
        return None


def read_limits(throttle: Mapping[str, object] | None) -> Limits | None:
    """Read a plan's throttle.

    Raises:
        ValueError: It is none.
    """
    if not throttle:
        return None
    return Limits(
        rate_per_s=float(str(throttle["RateLimit"])), burst=int(str(throttle["BurstLimit"]))
    )
