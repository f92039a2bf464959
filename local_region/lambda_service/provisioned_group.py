"""The provisioned environments of one version or alias."""

import asyncio
from collections.abc import Callable, Coroutine
from datetime import datetime
from typing import Final

from local_region.lambda_service.environment import Environment
from local_region.lambda_service.values import ProvisionedStatus, ProvisionedView, VersionView

_SLOWEST_INIT_S: Final = 130
"""Provisioned environments may take this long, or the function's timeout if that is longer:
docs.aws.amazon.com/lambda/latest/dg/lambda-runtime-environment.html, "Init phase", read
2026-11-22."""


class ProvisionedGroup:
    """Keeps environments started ahead of their invocations.

    Args:
        version: What they run.
        qualifier: The version or alias they were asked for.
        wanted: How many.
        since: When they were asked for.
        make: Makes one environment, not yet started.
        spawn: Runs something in the background.
        discard: Ends an environment.
    """

    def __init__(
        self,
        *,
        version: VersionView,
        qualifier: str,
        wanted: int,
        since: datetime,
        make: Callable[[], Environment],
        spawn: Callable[[Coroutine[None, None, None]], None],
        discard: Callable[[Environment], None],
    ) -> None:
        self.version, self.qualifier, self.wanted, self.since = version, qualifier, wanted, since
        self.settled = asyncio.Event()
        self._make, self._spawn, self._discard = make, spawn, discard
        self._free: list[Environment] = []
        self._busy: set[Environment] = set()
        self._starting: set[Environment] = set()
        self._has_failed = self._is_over = False

    def fill(self) -> None:
        """Start what is missing."""
        missing = self.wanted - len(self.members())
        for _ in range(missing):
            environment = self._make()
            self._starting.add(environment)
            self._spawn(self._start(environment))

    def take(self) -> Environment | None:
        """Give a free environment away, if there is one."""
        while self._free:
            environment = self._free.pop()
            if environment.is_waiting:
                self._busy.add(environment)
                return environment
            self._discard(environment)
            self.fill()
        return None

    def take_back(self, environment: Environment, *, is_alive: bool) -> None:
        """Take an environment back; one that died is replaced."""
        self._busy.discard(environment)
        if is_alive and not self._is_over:
            self._free.append(environment)
            return
        self._discard(environment)
        if not self._is_over:
            self.fill()

    def members(self) -> list[Environment]:
        """Return every environment of the group."""
        return [*self._free, *self._busy, *self._starting]

    def end(self) -> None:
        """End what is free; the rest ends when it comes back."""
        self._is_over = True
        self.settled.set()
        free, self._free = self._free, []
        for environment in free:
            self._discard(environment)

    def view(self, arn: str) -> ProvisionedView:
        """Return the group as GetProvisionedConcurrencyConfig shows it."""
        up = len(self._free) + len(self._busy)
        status: ProvisionedStatus = "READY" if up >= self.wanted else "IN_PROGRESS"
        if self._has_failed:
            status = "FAILED"
        return ProvisionedView(
            function_name=self.version.function_name,
            qualifier=self.qualifier,
            arn=arn,
            requested=self.wanted,
            allocated=up,
            available=up,
            status=status,
            status_reason="FUNCTION_ERROR_INIT_FAILURE" if self._has_failed else None,
            last_modified=self.since,
        )

    async def _start(self, environment: Environment) -> None:
        phase = await environment.init(max(_SLOWEST_INIT_S, self.version.settings.timeout_s))
        self._starting.discard(environment)
        if self._is_over or not phase.is_alive:
            self._has_failed = self._has_failed or not (self._is_over or phase.is_alive)
            await environment.close()
        else:
            self._free.append(environment)
        if self._has_failed or len(self._free) + len(self._busy) >= self.wanted:
            self.settled.set()
