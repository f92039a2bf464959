"""A tenant's quota before its request is answered, and its place given back afterwards.

Nothing of this is imported by a function whose tenants are not bounded.
"""

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Final, NamedTuple

from falaj.aws.count_table import Post
from falaj.aws.quota_table import QuotaTable
from falaj.aws.tenant_limits import TenantLimits
from falaj.config.quotas import QuotaSettings
from falaj.contract import QUOTAS_PARAMETER, SHED_PARAMETER, shed_level_parameter
from falaj.domain.clock import Clock
from falaj.domain.quota import Limits, Places
from falaj.entrypoints.signed import calls_of
from falaj.errors import DependencyError, QuotaExceededError, ShedError

SHED_S: Final = 60
"""After how long whoever is shed may ask again: as often as functions look whether he still is."""
DARK_S: Final = 10.0
"""How long nobody asks a service that did not answer: inference goes on meanwhile."""
FIRST_DARK_S: Final = 1.0
"""The same while no limits are known at all; twice as long after each failure."""
START_S: Final = 3.0
"""For each answer of SSM while a function starts, when nobody's quota is known yet."""


class _Passed(NamedTuple):
    number: int
    refusal: QuotaExceededError | None = None


class Quotas:
    """Admits requests by tenant.

    When DynamoDB does not answer, an environment counts alone, by the same limits: a tenant within
    its quota is answered, and a flood is still refused in each environment. When no limits were
    ever read, requests pass uncounted: a quota must never be the reason why a tenant within it
    gets no answer (docs/decisions/0020).

    Args:
        limits: Each tenant's.
        table: Counts.
        has_rate: Whether rate and burst are counted here, and not by a usage plan before.
        clock: Tells the time.
        write: Takes a line when nothing can be counted.
    """

    def __init__(
        self,
        limits: TenantLimits,
        table: QuotaTable,
        *,
        has_rate: bool,
        clock: Clock,
        write: Callable[[str], object] = sys.stdout.write,
    ) -> None:
        self._limits, self._table, self._has_rate = limits, table, has_rate
        self._clock, self._write = clock, write
        self._dark_until, self._next_dark_s = float("-inf"), FIRST_DARK_S

    def prepare(self, post: Post) -> None:
        """Read the limits before the first request; whoever fails tries again with a request.

        Args:
            post: Sends a signed call to SSM.
        """
        try:
            self._limits.read(post)
        except DependencyError as error:
            self._tell(error)

    def admit(self, tenant: str) -> AbstractContextManager[None]:
        """Take a request's place while it is answered.

        Raises:
            QuotaExceededError: The tenant is over its rate, or has enough under way; from entering.
            ShedError: Capacity is short, and others come first; from entering.
        """
        return self._admitted(tenant)

    def admit_queued(self, tenant: str) -> AbstractContextManager[None]:
        """Take the place of a request whose rate was counted when it was taken in.

        Raises:
            QuotaExceededError: The tenant has enough under way; from entering.
            ShedError: Capacity is short, and others come first; from entering.
        """
        return self._admitted(tenant, is_queued=True)

    def refusal(self, tenant: str) -> QuotaExceededError | None:
        """Say why a request is refused, where that needs neither a call nor a look at limits."""
        limits = None if self._limits.are_due else self._limits.known(tenant)
        if limits is None or not self._has_rate or limits.priority > self._limits.admitted:
            return None
        return self._table.refusal(tenant, limits)

    def take(self, tenant: str, wanted: int = 1, *, is_queued: bool = False) -> Places:
        """Take the places of requests that come together; each is to be given back.

        Args:
            tenant: Whose.
            wanted: How many.
            is_queued: Whether their rate was counted before.

        Raises:
            ShedError: Capacity is short, and others come first.
        """
        is_dark = self._now() < self._dark_until
        has_rate = self._has_rate and not is_queued
        try:
            limits = self._limits.known(tenant) if is_dark else self._limits.of(tenant)
            if limits and limits.priority > self._limits.admitted:
                raise ShedError(tenant=tenant, priority=limits.priority, retry_after_s=SHED_S)
            if limits and not is_dark:
                return self._counted(tenant, limits, wanted, has_rate=has_rate)
        except DependencyError as error:
            self._complain(error)
            limits = self._limits.known(tenant)
        if limits and has_rate:
            alone = self._table.take_alone
            passed = _most(wanted, lambda count: alone(tenant, limits, count))
            return Places(("",) * passed.number, passed.refusal)
        return Places(("",) * wanted)

    def give_back(self, held: str, count: int = 1) -> None:
        """Give places back that are no longer used."""
        if not held or self._now() < self._dark_until:
            return  # its half minute forgets it
        try:
            self._table.release(held, count)
        except DependencyError as error:
            self._complain(error)

    @contextmanager
    def _admitted(self, tenant: str, *, is_queued: bool = False) -> Iterator[None]:
        places = self.take(tenant, is_queued=is_queued)
        if places.refusal is not None:
            raise places.refusal
        try:
            yield
        finally:
            self.give_back(places.held[0])

    def _counted(self, tenant: str, limits: Limits, wanted: int, *, has_rate: bool) -> Places:
        """Count the rate first: what a flood is refused by costs no call."""
        refusal = None
        if has_rate:
            take = self._table.take
            wanted, refusal = _most(wanted, lambda count: take(tenant, limits, count))
        if not limits.concurrency or not wanted:
            return Places(("",) * wanted, refusal)
        held: list[str] = []
        bound = _most(
            wanted,
            lambda count: held.extend([self._table.hold(tenant, limits, count)] * count),
        )
        return Places(tuple(held), bound.refusal or refusal)

    def _complain(self, error: DependencyError) -> None:
        if self._limits.are_known:
            self._next_dark_s = DARK_S
        self._dark_until = self._now() + self._next_dark_s
        self._next_dark_s = min(DARK_S, 2 * self._next_dark_s)
        self._tell(error)

    def _tell(self, error: DependencyError) -> None:
        how = "counted by each environment alone" if self._limits.are_known else "uncounted"
        line = {"level": "ERROR", "message": f"requests pass {how}", "error": str(error)}
        self._write(json.dumps(line) + "\n")

    def _now(self) -> float:
        return self._clock.now().timestamp()


def _most(wanted: int, take: Callable[[int], object]) -> _Passed:
    """Let as many pass as may: all together, or else the half of them, down to one."""
    passed, step = 0, wanted
    while passed < wanted:
        step = min(step, wanted - passed)
        try:
            take(step)
        except QuotaExceededError as error:
            if step == 1:
                return _Passed(passed, error)
            step //= 2
        else:
            passed += step
    return _Passed(passed)


def quotas_of(settings: QuotaSettings, clock: Clock) -> Quotas:
    """Put the quotas together from a function's environment, limits at hand if SSM answers."""
    calls = settings.calls
    limits = TenantLimits(
        calls_of(calls, "ssm", clock).post,
        QUOTAS_PARAMETER,
        clock,
        shed=SHED_PARAMETER,
        level=shed_level_parameter(settings.model) if settings.model else "",
    )
    quotas = Quotas(
        limits,
        QuotaTable(calls_of(calls, "dynamodb", clock).post, lambda: limits.table, clock),
        has_rate=settings.has_rate,
        clock=clock,
    )
    patient = calls_of(calls, "ssm", clock, timeout_s=START_S)
    quotas.prepare(patient.post)
    patient.close()
    return quotas
