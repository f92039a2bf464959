"""Environments of every function: started on demand, kept warm, counted, reaped."""

import asyncio
import contextlib
import random
from collections import Counter
from collections.abc import Callable, Coroutine, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from falaj.domain.clock import Clock
from local_region.background import begin, begin_repeating
from local_region.lambda_service import memory
from local_region.lambda_service.concurrency import check_admission
from local_region.lambda_service.control_plane import ControlPlane
from local_region.lambda_service.environment import Environment
from local_region.lambda_service.function_log import LogTail
from local_region.lambda_service.process_variables import InitializationType, process_variables
from local_region.lambda_service.provisioned_group import ProvisionedGroup
from local_region.lambda_service.refusals import LambdaApiError
from local_region.lambda_service.runtime_folders import RuntimeFolders
from local_region.lambda_service.values import (
    Boundary,
    LogLine,
    ProvisionedView,
    VersionView,
)

_WATCH_INTERVAL_S: Final = 0.02
"""How often a busy environment's memory is read. What it held in between is judged from its peak
when it answers."""
_REAP_INTERVAL_S: Final = 0.5
_LONGEST_REST_S: Final = 900.0
"""Longer than any function may take."""


@dataclass(slots=True)
class Lease:
    """An environment given to one invocation.

    `is_cold` when the environment has yet to start; `request_id` is the invocation's.
    """

    environment: Environment
    is_cold: bool
    group: ProvisionedGroup | None = None
    request_id: str = ""
    tail: LogTail = field(default_factory=LogTail)


@dataclass(slots=True)
class _Idle:
    environment: Environment
    since: datetime


class Pools:
    """Every environment there is.

    Args:
        plane: Says which versions exist and what is reserved.
        clock: Ages idle environments and dates log lines.
        log_sink: Gets every log line.
        runtime: Interpreter and runtime folder.
        scratch: Parent of the environments' own /tmp.
        endpoint_url: Passed to functions as `AWS_ENDPOINT_URL`.
        rng: Names environments.
        boundary: What processes run before their handler, if anything.
    """

    def __init__(
        self,
        plane: ControlPlane,
        *,
        clock: Clock,
        log_sink: Callable[[LogLine], None],
        runtime: RuntimeFolders,
        scratch: Path,
        endpoint_url: str | None,
        rng: random.Random,
        boundary: Boundary | None = None,
    ) -> None:
        self._plane, self._clock, self._log_sink = plane, clock, log_sink
        self._boundary = boundary
        self._runtime, self._scratch, self._endpoint_url = runtime, scratch, endpoint_url
        self._rng = rng
        self._idle: dict[tuple[str, str], list[_Idle]] = {}
        self._busy: dict[Environment, Lease] = {}
        self._bounds: dict[str, Callable[[], None]] = {}
        self._on_demand: Counter[str] = Counter()
        self._groups: dict[tuple[str, str], ProvisionedGroup] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._resting: set[Environment] = set()
        self._watchers: list[asyncio.Task[None]] = []
        self._is_open = True

    # -------------------------------------------------------------- life cycle
    def start(self) -> None:
        """Watch memory and idle environments."""
        self._watchers = [begin_repeating(self._reap, every_s=_REAP_INTERVAL_S)]
        if memory.is_measurable():
            self._watchers.append(begin_repeating(self._watch_memory, every_s=_WATCH_INTERVAL_S))

    async def close(self) -> None:
        """Kill every process; invocations under way end as crashed."""
        self._is_open = False
        for task in self._watchers:
            task.cancel()
        environments = [*self._busy, *(entry.environment for entry in self._all_idle())]
        for group in self._groups.values():
            environments += group.members()
            group.end()
        self._idle.clear()
        self._groups.clear()
        await asyncio.gather(*(environment.close() for environment in set(environments)))
        await asyncio.gather(*self._watchers, *self._tasks, return_exceptions=True)

    def background(self, work: Coroutine[None, None, None]) -> None:
        """Run something to its end, which `close` waits for."""
        task = begin(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    # -------------------------------------------------------------- invocations
    def acquire(self, version: VersionView, qualifier: str, request_id: str) -> Lease:
        """Give an invocation an environment of its own.

        Raises:
            TooManyRequestsError: Everything the function may use is busy.
        """
        if (check := self._bounds.get(version.function_name)) is not None:
            check()
        lease = self._provisioned_lease(version, qualifier) or self._on_demand_lease(version)
        lease.request_id = request_id
        self._busy[lease.environment] = lease
        return lease

    def held_up_s(self, request_id: str) -> float:
        """Return how long the machine has held up an invocation so far; 0 if none is under way."""
        return sum(
            environment.held_up_s
            for environment, lease in self._busy.items()
            if lease.request_id == request_id
        )

    def release(self, lease: Lease, *, is_alive: bool) -> None:
        """Take an environment back after its invocation, once its extensions are done too."""
        if is_alive and not lease.environment.is_resting:
            self._resting.add(lease.environment)
            self.background(self._rest(lease))
        else:
            self._take_back(lease, is_alive=is_alive)

    @property
    def is_settled(self) -> bool:
        """Whether no extension is at work."""
        return not self._resting

    async def settle(self) -> None:
        """Return when no extension is at work any more."""
        while self._resting:
            await asyncio.gather(
                *(environment.rest(_LONGEST_REST_S) for environment in self._resting)
            )
            await asyncio.sleep(0)

    async def _rest(self, lease: Lease) -> None:
        environment = lease.environment
        is_alive = await environment.rest(environment.version.settings.timeout_s)
        self._resting.discard(environment)
        self._take_back(lease, is_alive=is_alive)

    def _take_back(self, lease: Lease, *, is_alive: bool) -> None:
        environment = lease.environment
        del self._busy[environment]
        if lease.group is not None:
            lease.group.take_back(environment, is_alive=is_alive and self._is_open)
            return
        version = environment.version
        self._on_demand[version.function_name] -= 1
        if is_alive and self._is_open and self._is_current(version):
            idle = self._idle.setdefault(_key(version), [])
            idle.append(_Idle(environment, self._clock.now()))
        else:
            self._discard(environment)

    def in_flight(self, name: str) -> int:
        """Count the function's invocations under way."""
        return sum(environment.version.function_name == name for environment in self._busy)

    def environments(self, name: str) -> tuple[Environment, ...]:
        """Return the function's environments, busy, idle and provisioned."""
        known = [*self._busy, *(entry.environment for entry in self._all_idle())]
        for group in self._groups.values():
            known += group.members()
        return tuple(
            environment
            for environment in dict.fromkeys(known)
            if environment.version.function_name == name
        )

    def log(self, environment: Environment, text: str) -> None:
        """Pass a line on, and keep it for the request it belongs to."""
        lease = self._busy.get(environment)
        if lease is not None:
            lease.tail.add(text)
        self._log_sink(
            LogLine(
                function=environment.version.function_name,
                version=environment.version.version,
                environment=environment.identity,
                timestamp=self._clock.now(),
                text=text,
                request_id=environment.request_id,
            )
        )

    def now(self) -> datetime:
        """Return the region's time."""
        return self._clock.now()

    # --------------------------------------------------------------- clean-up
    def reap(self) -> None:
        """End environments that have been idle for the keep-alive time, by the clock."""
        oldest = self._clock.now() - timedelta(seconds=self._plane.limits.keep_alive_s)
        self._drop_idle(lambda entry: entry.since <= oldest)

    def end_idle(self, name: str, version: str) -> None:
        """End the idle environments of one version: its next requests start cold."""
        self._drop_idle(
            lambda entry: (
                (entry.environment.version.function_name, entry.environment.version.version)
                == (name, version)
            )
        )

    def bound(self, name: str, check: Callable[[], None] | None) -> None:
        """Let a function's invocations be refused by more than its concurrency."""
        if check is None:
            self._bounds.pop(name, None)
        else:
            self._bounds[name] = check

    def end_where(self, is_lost: Callable[[str], bool]) -> int:
        """End the idle environments whose identity says so, and return how many."""
        before = sum(map(len, self._idle.values()))
        self._drop_idle(lambda entry: is_lost(entry.environment.identity))
        return before - sum(map(len, self._idle.values()))

    def expire(self, identity: str) -> None:
        """End what a busy environment does as its function's timeout would."""
        for environment in tuple(self._busy):
            if environment.identity == identity:
                environment.expire()

    def retire_stale(self, name: str) -> None:
        """End idle and provisioned environments of what the function no longer is."""
        self._drop_idle(
            lambda entry: (
                entry.environment.version.function_name == name
                and not self._is_current(entry.environment.version)
            )
        )
        for key in [key for key in self._groups if key[0] == name]:
            if key[1] not in self._provisioned_of(name):
                self._end_group(key)

    # ------------------------------------------------------------- provisioned
    def provision(self, name: str, qualifier: str, wanted: int) -> None:
        """Keep `wanted` environments of a qualifier's version started."""
        key = (name, qualifier)
        self._end_group(key)
        version = self._plane.version(name, qualifier)
        group = ProvisionedGroup(
            version=version,
            qualifier=qualifier,
            wanted=wanted,
            since=self._clock.now(),
            make=lambda: self._new(version, "provisioned-concurrency"),
            spawn=self.background,
            discard=self._discard,
        )
        self._groups[key] = group
        group.fill()

    def follow_alias(self, name: str, alias: str) -> None:
        """Start an alias's provisioned environments anew when it points elsewhere."""
        group = self._groups.get((name, alias))
        if group is not None and group.version != self._plane.version(name, alias):
            self.provision(name, alias, group.wanted)

    def provisioned_view(self, name: str, qualifier: str) -> ProvisionedView:
        """Return how far a qualifier's provisioned environments are."""
        return self._groups[name, qualifier].view(self._plane.home.arn(name, qualifier))

    async def provisioned_settled(self, name: str, qualifier: str) -> None:
        """Return when a qualifier's environments are up or failed."""
        await self._groups[name, qualifier].settled.wait()

    # ----------------------------------------------------------------- private
    def _provisioned_lease(self, version: VersionView, qualifier: str) -> Lease | None:
        for name in dict.fromkeys((qualifier, version.version)):
            group = self._groups.get((version.function_name, name))
            if group is not None and group.version == version:
                environment = group.take()
                if environment is not None:
                    return Lease(environment, is_cold=False, group=group)
        return None

    def _on_demand_lease(self, version: VersionView) -> Lease:
        name = version.function_name
        check_admission(
            self._plane.share(name),
            on_demand=self._on_demand[name],
            unreserved_on_demand=sum(
                busy
                for other, busy in self._on_demand.items()
                if busy and self._is_unreserved(other)
            ),
            unreserved=self._plane.limits.account_concurrency - self._plane.claimed(),
        )
        self._on_demand[name] += 1
        idle = self._idle.get(_key(version), [])
        while idle:
            environment = idle.pop().environment
            if environment.is_waiting:
                return Lease(environment, is_cold=False)
            self._discard(environment)
        return Lease(self._new(version, "on-demand"), is_cold=True)

    def _new(self, version: VersionView, initialization: InitializationType) -> Environment:
        identity = f"{self._rng.getrandbits(128):032x}"
        scratch = self._scratch / identity
        return Environment(
            identity=identity,
            version=version,
            interpreter=self._runtime.interpreter,
            variables=process_variables(
                version,
                self._runtime,
                region=self._plane.home.region,
                identity=identity,
                scratch=scratch,
                started=self._clock.now(),
                initialization=initialization,
                endpoint_url=self._endpoint_url,
                boundary=self._boundary,
            ),
            scratch=scratch,
            log=self.log,
        )

    def _discard(self, environment: Environment) -> None:
        if self._is_open:
            self.background(environment.close())

    def _is_current(self, version: VersionView) -> bool:
        with contextlib.suppress(LambdaApiError):
            return self._plane.version(version.function_name, version.version) == version
        return False

    def _is_unreserved(self, name: str) -> bool:
        with contextlib.suppress(LambdaApiError):
            return self._plane.share(name).reserved is None
        return False  # deleted while it runs

    def _provisioned_of(self, name: str) -> frozenset[str]:
        with contextlib.suppress(LambdaApiError):
            return frozenset(self._plane.share(name).provisioned)
        return frozenset()

    def _end_group(self, key: tuple[str, str]) -> None:
        group = self._groups.pop(key, None)
        if group is not None:
            group.end()

    def _all_idle(self) -> Iterator[_Idle]:
        for entries in self._idle.values():
            yield from entries

    def _drop_idle(self, is_due: Callable[[_Idle], bool]) -> None:
        for key, entries in list(self._idle.items()):
            due = [entry for entry in entries if is_due(entry)]
            kept = [entry for entry in entries if entry not in due]
            if kept:
                self._idle[key] = kept
            else:
                del self._idle[key]
            for entry in due:
                self._discard(entry.environment)

    async def _watch_memory(self) -> None:
        for environment in tuple(self._busy):
            environment.exceeds_memory()

    async def _reap(self) -> None:
        self.reap()


def _key(version: VersionView) -> tuple[str, str]:
    return version.function_name, version.revision_id
