"""A tenant's quota before its request is answered, and its place given back afterwards.

Nothing of this is imported by a function whose tenants are not bounded.
"""

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Final

from falaj.aws.count_table import Post
from falaj.aws.quota_table import QuotaTable
from falaj.aws.tenant_limits import TenantLimits
from falaj.config.quotas import QuotaSettings
from falaj.contract import QUOTAS_PARAMETER, SHED_PARAMETER, shed_level_parameter
from falaj.domain.clock import Clock
from falaj.domain.quota import Limits
from falaj.entrypoints.signed import calls_of
from falaj.errors import DependencyError, ShedError

SHED_S: Final = 60
"""After how long whoever is shed may ask again: as often as functions look whether he still is."""
DARK_S: Final = 10.0
"""How long nobody asks a service that did not answer: inference goes on meanwhile."""
FIRST_DARK_S: Final = 1.0
"""The same while no limits are known at all; twice as long after each failure."""
START_S: Final = 3.0
"""For each answer of SSM while a function starts, when nobody's quota is known yet."""


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

    @contextmanager
    def _admitted(self, tenant: str) -> Iterator[None]:
        held = self._taken(tenant)
        try:
            yield
        finally:
            if held:
                self._given_back(held)

    def _taken(self, tenant: str) -> str:
        is_dark = self._now() < self._dark_until
        try:
            limits = self._limits.known(tenant) if is_dark else self._limits.of(tenant)
            if limits and limits.priority > self._limits.admitted:
                raise ShedError(tenant=tenant, priority=limits.priority, retry_after_s=SHED_S)
            if limits and not is_dark:
                return self._counted(tenant, limits)
        except DependencyError as error:
            self._complain(error)
            limits = self._limits.known(tenant)
        if limits and self._has_rate:
            self._table.take_alone(tenant, limits)
        return ""

    def _counted(self, tenant: str, limits: Limits) -> str:
        """Count the rate first: what a flood is refused by costs no call."""
        if self._has_rate:
            self._table.take(tenant, limits)
        return self._table.hold(tenant, limits) if limits.concurrency else ""

    def _given_back(self, held: str) -> None:
        if self._now() < self._dark_until:
            return  # its half minute forgets it
        try:
            self._table.release(held)
        except DependencyError as error:
            self._complain(error)

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
