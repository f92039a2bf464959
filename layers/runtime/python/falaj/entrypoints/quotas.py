"""A tenant's quota before its request is answered, and its place given back afterwards.

Nothing of this is imported by a function whose tenants are not bounded.
"""

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Final

from falaj.aws.quota_table import QuotaTable
from falaj.aws.signed_calls import Credentials, SignedCalls
from falaj.aws.tenant_limits import TenantLimits
from falaj.config.quotas import QuotaSettings
from falaj.contract import QUOTAS_PARAMETER, SHED_PARAMETER
from falaj.domain.clock import Clock
from falaj.domain.quota import Limits
from falaj.errors import DependencyError, ShedError

SHED_S: Final = 60
"""After how long whoever is shed may ask again: as often as functions look whether he still is."""
DARK_S: Final = 10.0
"""How long nobody asks a service that did not answer: inference goes on meanwhile."""


class Quotas:
    """Admits requests by tenant.

    When DynamoDB or SSM is dark, requests pass uncounted: a quota must never be the reason why a
    tenant within it gets no answer (docs/decisions/0020).

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
        self._dark_until = float("-inf")

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
        if self._now() < self._dark_until:
            return ""
        try:
            limits = self._limits.of(tenant)
            if limits and limits.priority > self._limits.admitted:
                raise ShedError(tenant=tenant, priority=limits.priority, retry_after_s=SHED_S)
            return self._counted(tenant, limits) if limits else ""
        except DependencyError as error:
            self._complain(error)
            return ""

    def _counted(self, tenant: str, limits: Limits) -> str:
        held = self._table.hold(tenant, limits) if limits.concurrency else ""
        if self._has_rate:
            try:
                self._table.take(tenant, limits)
            except BaseException:
                if held:
                    self._given_back(held)
                raise
        return held

    def _given_back(self, held: str) -> None:
        try:
            self._table.release(held)
        except DependencyError as error:
            self._complain(error)

    def _complain(self, error: DependencyError) -> None:
        self._dark_until = self._now() + DARK_S
        line = {"level": "ERROR", "message": "requests pass uncounted", "error": str(error)}
        self._write(json.dumps(line) + "\n")

    def _now(self) -> float:
        return self._clock.now().timestamp()


def quotas_of(settings: QuotaSettings, clock: Clock) -> Quotas:
    """Put the quotas together from a function's environment."""

    def calls(service: str) -> SignedCalls:
        return SignedCalls(
            service,
            region=settings.region,
            credentials=Credentials(*settings.credentials),
            clock=clock,
            endpoint=settings.endpoints.get(service, ""),
        )

    limits = TenantLimits(calls("ssm").post, QUOTAS_PARAMETER, clock, shed=SHED_PARAMETER)
    return Quotas(
        limits,
        QuotaTable(calls("dynamodb").post, lambda: limits.table, clock),
        has_rate=settings.has_rate,
        clock=clock,
    )
