"""A running region: an assembly deployed, served, and brought to the next one."""

import asyncio
import random
import re
from collections.abc import Callable, Mapping
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any, Final, Self, Unpack

from falaj.contract import REGION
from falaj.domain.clock import Clock
from local_region.assembly import Assembly
from local_region.backends.moto_backends import MotoBackends
from local_region.composition import Parts, compose
from local_region.container_service.containers import ContainerServices
from local_region.control_loop import ControlLoop
from local_region.deployment import Deployment
from local_region.errors import AssemblyError
from local_region.gateway.front_door import FrontDoor
from local_region.gateway.route import Route
from local_region.lambda_service import LambdaService
from local_region.pace import Pace
from local_region.placement import Placement
from local_region.progress import Change, Closed, Event, NotPermitted, Ready, StackApplied
from local_region.uploads import publish_files

API_PORT: Final = 8080
AWS_PORT: Final = 4566
_MODEL: Final = re.compile(r"/v2/models/([^/{}]+)")


def ignore(_: Event) -> None:
    """Let an event pass."""


class Region:
    """A running region.

    Open it with `await Region.open(cdk_out)`; close it, or use it as an async context manager.
    """

    def __init__(
        self, *, parts: Parts, progress: Callable[[Event], None], held: AsyncExitStack
    ) -> None:
        self._parts, self._progress, self._held = parts, progress, held
        self._deployment = Deployment(parts.surroundings)

    @classmethod
    async def open(
        cls,
        cdk_out: Path,
        *,
        api_port: int = API_PORT,
        aws_port: int = AWS_PORT,
        seed: int = 0,
        clock: Clock | None = None,
        progress: Callable[[Event], None] = ignore,
        **settings: Unpack[Placement],
    ) -> Self:
        """Deploy an assembly and serve it.

        Args:
            cdk_out: The synthesized assembly.
            api_port: Where the API answers; 0 takes a free port.
            aws_port: Where AWS's services answer; 0 takes a free port.
            seed: Of every random choice: alias weights, request ids.
            clock: Tells the time; the machine's own by default.
            progress: Told what happens.
            settings: See `Placement`.

        Raises:
            ConfigurationError: The assembly, a template, an asset or a port is refused.
        """
        assembly = Assembly.read(cdk_out)
        pace = Pace(settings.get("speed", 1.0))
        async with AsyncExitStack() as held:
            parts = await compose(
                held,
                ports=(api_port, aws_port),
                rng=random.Random(seed),  # noqa: S311 - repeatable, not secret
                clock=clock or pace.clock,
                progress=progress,
                placement=Placement(boundary=pace.boundary()) | settings
                if pace.is_scaled
                else settings,
            )
            region = cls(parts=parts, progress=progress, held=held)
            await region._apply(assembly)
            await parts.api.start()
            region._held = held.pop_all()
        progress(region.ready())
        return region

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    @property
    def api_url(self) -> str:
        """Where the API answers."""
        return self._parts.api.url

    @property
    def domain_urls(self) -> Mapping[str, str]:
        """Where each custom domain answers."""
        return dict(self._parts.domains.addresses)

    @property
    def authority(self) -> Path:
        """The certificate by which clients check custom domains."""
        return self._parts.domains.authority

    @property
    def aws_url(self) -> str:
        """Where boto3's `endpoint_url` points."""
        return self._parts.aws.url

    @property
    def functions(self) -> LambdaService:
        """The Lambda service."""
        return self._parts.surroundings.functions

    @property
    def backends(self) -> MotoBackends:
        """The other services' backends, with in-process boto3 clients."""
        return self._parts.surroundings.aws

    @property
    def control(self) -> ControlLoop:
        """Alarms, events and time."""
        return self._parts.surroundings.control

    @property
    def containers(self) -> ContainerServices:
        """Services of containers, and the load balancers before them."""
        return self._parts.surroundings.containers

    @property
    def front_door(self) -> FrontDoor:
        """The gateway, for callers in this process."""
        return self._parts.front_door

    def darken(self, services: frozenset[str]) -> None:
        """Let exactly these services, by signing name, answer nobody who calls from outside."""
        self._parts.endpoint.dark = services

    async def tick(self) -> int:
        """Do all that is due by the region's clock: alarms, schedules, events, retries.

        Returns:
            How many events were delivered.
        """
        return await self.control.tick()

    def models(self) -> tuple[str, ...]:
        """Return the models that the API's routes name, in order."""
        found = (_MODEL.match(route.template) for route in self.routes())
        return tuple(sorted({match.group(1) for match in found if match}))

    def outputs(self, stack: str) -> Mapping[str, Any]:
        """Return what a stack's outputs are; empty if there is no such stack."""
        return self._deployment.outputs.get(stack, {})

    def routes(self) -> tuple[Route, ...]:
        """Return every route of every API, as defined now."""
        apis = self._parts.surroundings.apis.apis.values()
        return tuple(route for api in apis for route in api.definition.table.routes)

    def ready(self) -> Ready:
        """Return the addresses and models."""
        containers = self._parts.surroundings.containers
        return Ready(
            api_url=self.api_url,
            aws_url=self.aws_url,
            domains=self._parts.domains.addresses,
            authority=self._parts.domains.authority,
            models=self.models(),
            grpc=tuple(containers.grpc_addresses().items()),
            replicas=tuple(containers.replicas()),
        )

    async def update(self, cdk_out: Path) -> tuple[Change, ...]:
        """Bring the running region to a new synthesis, as CloudFormation would.

        Functions get new versions, parameters new values; versions and layers marked Retain stay,
        and an alias whose declaration did not change is left to whoever changed it since.

        Returns:
            What was created, updated, replaced or deleted.

        Raises:
            ConfigurationError: The assembly or a template is refused; what was applied stays.
        """
        return await self._apply(Assembly.read(cdk_out))

    async def close(self) -> None:
        """End every process, free both ports, forget every backend's state."""
        await self._held.aclose()
        self._progress(Closed())

    async def _apply(self, assembly: Assembly) -> tuple[Change, ...]:
        _check_places(assembly)
        changes: list[Change] = []
        for stack in assembly.stacks:
            already = len(changes)
            await asyncio.to_thread(publish_files, stack, self._parts.surroundings)
            await self._deployment.apply(stack, changes.append)
            self._progress(StackApplied(stack=stack.name, changes=tuple(changes[already:])))
        for route in self.routes():
            if not self._parts.may_invoke(route):
                self._progress(
                    NotPermitted(route=route.key, function_arn=route.integration.function_arn)
                )
        await self._parts.domains.follow()
        return tuple(changes)


def _check_places(assembly: Assembly) -> None:
    for stack in assembly.stacks:
        if stack.region not in {REGION, "unknown-region"}:
            raise AssemblyError(
                assembly.path, f"stack {stack.name} is for {stack.region}, not {REGION}"
            )
