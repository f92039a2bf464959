"""What losing zones, or services, does to a model that containers on GPU machines answer.

Its replicas are real processes in the name of zones that offer their machines; time is virtual, and
goes on a second at a look while replicas start, so that no request waits for what a zone that is
left could take. A replica that is to start while S3 is dark cannot fetch its model: it is tried
again until S3 answers, and the replicas that are left go on.
"""

import asyncio
import json
from collections import Counter
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum
from pathlib import Path
from typing import Any, Final

from falaj.contract import HEADER_FALLBACK
from falaj.errors import ConfigurationError
from local_region.clock import VirtualClock
from local_region.container_service.service import Service
from local_region.placement import BUILD_FOLDER
from local_region.region import Region
from local_region.rehearsal.outages import Outage, dark_of, lost_of
from local_region.rehearsal.traffic import Peekable, arrivals

QUIET: Final = timedelta(minutes=1)
"""How long is looked at before zones are lost, and after they are back."""
_LOOK: Final = timedelta(seconds=1)
_START_LOOK_S: Final = 0.05
"""Of the machine's time, for each second of the region's while replicas start."""
_LONGEST_START: Final = 2400
"""Looks after which a replica that should start is given up: two minutes of the machine's time."""
_OK: Final = 200


class Verdict(StrEnum):
    """What became of the model's callers once replicas were placed anew."""

    KEPT = "kept"
    """As many replicas as before, in zones that are left; every request was answered."""
    THINNED = "thinned"
    """Fewer replicas, because no other could start; they answered every request."""
    FELL_BACK = "fell_back"
    """No zone that is left has machines; the CPU version answered every request."""
    LOST = "lost"
    """Some requests were not answered."""


@dataclass(slots=True, kw_only=True)
class Stretch:
    """A stretch of virtual time.

    Attributes:
        name: `before`, `losing` until replicas are placed anew, `lost`, or `after`.
        answers: Requests by status.
        fallbacks: Those that the CPU version answered.
        replicas: Replicas that answer by zone, at its end.
    """

    name: str
    answers: Counter[int] = field(default_factory=Counter)
    fallbacks: int = 0
    replicas: Counter[str] = field(default_factory=Counter)

    @property
    def bad(self) -> int:
        """Requests that were not answered."""
        return sum(count for status, count in self.answers.items() if status != _OK)

    def to_dict(self) -> dict[str, Any]:
        """Write it as JSON values."""
        return {
            "stretch": self.name,
            "answers": {str(status): count for status, count in sorted(self.answers.items())},
            "fallbacks": self.fallbacks,
            "replicas": dict(sorted(self.replicas.items())),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceResult:
    """What came of it.

    Attributes:
        model: The model.
        verdict: In a word.
        lost: Zones that were lost.
        dark: Services that answered nobody.
        capacity: Instance types that each zone of the service offers it.
        most: Machines at once.
        wanted: Replicas wanted.
        ended: Replicas that ended with their zones.
        stretches: Before, while replicas are placed anew, while zones are lost, after.
    """

    model: str
    verdict: Verdict
    lost: tuple[str, ...]
    dark: tuple[str, ...]
    capacity: Mapping[str, tuple[str, ...]]
    most: int
    wanted: int
    ended: int
    stretches: tuple[Stretch, ...]

    def to_dict(self) -> dict[str, Any]:
        """Write it as JSON values."""
        return {
            "model": self.model,
            "verdict": self.verdict.value,
            "lost": list(self.lost),
            "dark": list(self.dark),
            "capacity": {zone: list(types) for zone, types in self.capacity.items()},
            "machines_at_most": self.most,
            "replicas_wanted": self.wanted,
            "replicas_ended": self.ended,
            "stretches": [stretch.to_dict() for stretch in self.stretches],
        }


async def rehearse_zones(
    cdk_out: Path,
    model: str,
    outages: Sequence[Outage],
    *,
    cases: Sequence[dict[str, Any]],
    traffic_rps: float,
    seed: int = 0,
    account: str = "000000000000",
    build_folder: Path = BUILD_FOLDER,
) -> ServiceResult:
    """Rehearse the loss of zones, and of services.

    Args:
        cdk_out: The assembly that serves.
        model: A model with `target: gpu`.
        outages: Zones and services, and for how long each is lost.
        cases: The model's golden cases, of which requests are made.
        traffic_rps: Requests a second, on average.
        seed: Of everything random.
        account: Two rehearsals at once in one process need two.
        build_folder: Where the interpreter's runtime and functions' code are kept between runs.

    Raises:
        ConfigurationError: The assembly has no such service, or its replicas do not start.
    """
    clock = VirtualClock()
    async with await Region.open(
        cdk_out,
        api_port=0,
        aws_port=0,
        grpc_port=0,
        seed=seed,
        clock=clock,
        account=account,
        build_folder=build_folder,
        ticks=False,
    ) as region:
        traffic = Peekable(
            arrivals(
                cases=cases,
                model=model,
                url=region.api_url,
                rps=traffic_rps,
                seed=seed,
                start=clock.now(),
            )
        )
        loss = _ServiceLoss(region, clock, _service(region, model), traffic)
        return await loss.play(model, outages)


class _ServiceLoss:
    """One rehearsal under way."""

    def __init__(
        self, region: Region, clock: VirtualClock, service: Service, traffic: Peekable
    ) -> None:
        self._region, self._clock, self._service = region, clock, service
        self._traffic = traffic
        self._stretches: list[Stretch] = []

    async def play(self, model: str, outages: Sequence[Outage]) -> ServiceResult:
        settings, machines = self._service.settings, self._region.containers.machines
        capacity = machines.capacity(settings.capacity_provider, settings.subnets)
        group = machines.group_of(settings.capacity_provider)
        most = group.most if group else len(capacity)
        wanted = max(self._service.desired_count, min(len(capacity), most))
        self._service.scale(wanted)
        await self._until_placed(None)
        lost, dark = lost_of(outages), dark_of(outages)
        async with self._stretch("before"):
            await self._pass(QUIET)
        ended = self._begin(outages)
        async with self._stretch("losing") as losing:
            # In the dark nothing starts, so that nothing is waited for.
            await (self._pass(QUIET) if dark else self._until_placed(losing))
        async with self._stretch("lost") as settled:
            await self._outlast(outages)
        async with self._stretch("losing") as back:
            await self._until_placed(back)
        self._stretches.pop()  # the way back belongs to no stretch
        async with self._stretch("after"):
            await self._pass(QUIET)
        return ServiceResult(
            model=model,
            verdict=_verdict(settled, wanted),
            lost=tuple(sorted(lost)),
            dark=tuple(sorted(dark)),
            capacity=capacity,
            most=most,
            wanted=wanted,
            ended=ended,
            stretches=tuple(self._stretches),
        )

    def _begin(self, outages: Sequence[Outage]) -> int:
        """Let exactly these be under way; return how many replicas ended with it."""
        self._region.darken(dark_of(outages))
        return self._region.containers.lose_zones(lost_of(outages))

    async def _outlast(self, outages: Sequence[Outage]) -> None:
        """Let each outage last as long as it does."""
        gone_s = 0.0
        for until_s in sorted({outage.duration_s for outage in outages}):
            await self._pass(timedelta(seconds=until_s - gone_s))
            gone_s = until_s
            left = [outage for outage in outages if outage.duration_s > until_s]
            if not left:  # what is settled is looked at before anything is back
                self._stretches[-1].replicas = self._service.zones()
            self._begin(left)

    @asynccontextmanager
    async def _stretch(self, name: str) -> AsyncIterator[Stretch]:
        stretch = Stretch(name=name)
        self._stretches.append(stretch)
        yield stretch
        stretch.replicas = stretch.replicas or self._service.zones()

    async def _pass(self, span: timedelta) -> None:
        """Let time go by, with its requests."""
        end = self._clock.now() + span
        while self._clock.now() < end:
            await self._second(self._stretches[-1])

    async def _until_placed(self, stretch: Stretch | None) -> None:
        """Wait until every replica for which there is a machine answers, and no other is asked."""
        for _ in range(_LONGEST_START):
            await self._second(stretch)
            if self._is_placed():
                return
            await asyncio.sleep(_START_LOOK_S)
        raise ConfigurationError(
            [f"the service's replicas do not start: {self._service.last_failure or 'unhealthy'}"]
        )

    def _is_placed(self) -> bool:
        service = self._service
        if len(service.tasks) != len(service.healthy):
            return False
        return service.is_steady or (service.has_no_machine and not service.tasks)

    async def _second(self, stretch: Stretch | None) -> None:
        now = self._clock.now() + _LOOK
        while (arrival := self._traffic.next) is not None and arrival.at <= now:
            self._traffic.take()
            if stretch is None:
                continue
            response = await self._region.front_door.answer(arrival.request)
            stretch.answers[response.status] += 1
            stretch.fallbacks += any(
                name.lower() == HEADER_FALLBACK for name, _ in response.headers
            )
        self._clock.leap(now)
        await self._region.tick()


def _verdict(settled: Stretch, wanted: int) -> Verdict:
    if settled.bad:
        return Verdict.LOST
    if settled.replicas.total() == wanted:
        return Verdict.KEPT
    if settled.fallbacks:
        return Verdict.FELL_BACK
    return Verdict.THINNED if settled.replicas.total() else Verdict.LOST


def _service(region: Region, model: str) -> Service:
    """Find a model's service by the stack that declares it."""
    found = [
        service
        for service in region.containers.services.values()
        if f"GpuModel-{model}-" in service.settings.name
    ]
    if not found:
        raise ConfigurationError([f"the assembly has no service of containers for {model!r}"])
    return found[0]


def cases_of(manifest: Path) -> list[dict[str, Any]]:
    """Read a built version's golden cases.

    Raises:
        ConfigurationError: It has none.
    """
    cases = list(json.loads(manifest.read_bytes()).get("golden", []))
    if not cases:
        raise ConfigurationError([f"{manifest} holds no golden cases to make requests of"])
    return cases
