"""The composition root: an assembly in, a running region out."""

import asyncio
import random
import re
import socket
from collections.abc import Callable, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Self, TypedDict, Unpack

from falaj.contract import GRPC_PORT, REGION
from falaj.domain.clock import Clock
from local_region.assembly import Assembly
from local_region.authority import LocalAuthority
from local_region.aws_endpoint import AWS_LIMITS, AwsEndpoint
from local_region.backends.moto_backends import MotoBackends
from local_region.backends.principals import Principals
from local_region.container_service.containers import ContainerServices, Place
from local_region.container_service.ecs_api import EcsApi
from local_region.container_service.task import container_variables
from local_region.control_loop import SHORTEST_TICK_S, TICK_S, ControlLoop, Observation
from local_region.credentials import LocalCredentials
from local_region.deployment import Deployment
from local_region.domain_listeners import DomainListeners
from local_region.errors import AssemblyError
from local_region.gateway.domains import OWN_NAME, Entrance
from local_region.gateway.front_door import API_LIMITS, Allows, FrontDoor
from local_region.gateway.gatekeeper import Gatekeeper, Trusted
from local_region.gateway.registry import ApiRegistry
from local_region.gateway.route import Route
from local_region.gateway.usage_plans import UsagePlans
from local_region.issuer import FOLDER, ISSUER, LocalIssuer
from local_region.lambda_calls import LambdaCalls
from local_region.lambda_service import Boundary, LambdaService, LogLine, RuntimeFolders
from local_region.listener import Listener, bind, url_of
from local_region.pace import Pace
from local_region.progress import (
    Change,
    Closed,
    Event,
    FunctionLog,
    NotPermitted,
    Ready,
    StackApplied,
    Working,
)
from local_region.resources.kind import Surroundings
from local_region.resources.layers import LayerStore
from local_region.resources.permissions import Permissions
from local_region.uploads import publish_files

ACCOUNT: Final = "000000000000"
API_PORT: Final = 8080
AWS_PORT: Final = 4566
BUILD_FOLDER: Final = Path(".build/host")
GATEWAY: Final = "apigateway.amazonaws.com"
_MODEL: Final = re.compile(r"/v2/models/([^/{}]+)")


def ignore(_: Event) -> None:
    """Let an event pass."""


class Placement(TypedDict, total=False):
    """Where a region lives on this machine; every field has a default.

    Attributes:
        account: Twelve digits; two regions of one process need two.
        build_folder: Where the interpreter's runtime and host layers are kept between runs.
        state_folder: Where functions' code is kept for the next region as well; forgotten with the
            region by default.
        observation: How functions are seen, and what befalls events; as on AWS by default.
        boundary: What function processes run before their handler; nothing by default.
        ticks: Whether time goes on by itself; a rehearsal calls `tick` instead.
        speed: Seconds of the region that pass in one of the machine's.
        issuer_folder: Where this machine's token issuer and credentials are kept.
        grpc_port: Where gRPC answers; 0 takes free ports.
    """

    account: str
    build_folder: Path
    state_folder: Path
    observation: Observation
    boundary: Boundary
    ticks: bool
    speed: float
    issuer_folder: Path
    grpc_port: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """What a region is made of."""

    surroundings: Surroundings
    front_door: FrontDoor
    endpoint: AwsEndpoint
    api: Listener
    aws: Listener
    domains: DomainListeners

    def may_invoke(self, route: Route) -> bool:
        """Say whether the gateway may invoke a route's function on any stage."""
        if route.integration.private is not None:
            return True
        arn = route.integration.function_arn
        return route.integration.has_credentials or self.surroundings.permissions.names(
            function_arn=arn, principal=GATEWAY
        )


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
            parts = await _compose(
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


async def _compose(
    held: AsyncExitStack,
    *,
    ports: tuple[int, int],
    rng: random.Random,
    clock: Clock,
    progress: Callable[[Event], None],
    placement: Placement,
) -> Parts:
    account = placement.get("account", ACCOUNT)
    api_socket = bind(ports[0], setting="FALAJ_PORT")
    held.callback(api_socket.close)
    aws_socket = bind(ports[1], setting="FALAJ_AWS_PORT")
    held.callback(aws_socket.close)
    aws_url = url_of(aws_socket)
    backends = MotoBackends.open(account=account, region=REGION, endpoint=aws_url)
    held.callback(backends.close)
    control, functions = _loop_and_functions(
        rng=rng, clock=clock, progress=progress, placement=placement, backends=backends
    )
    await functions.start()
    held.push_async_callback(functions.close)
    permissions = Permissions()
    permitted = _permitted(permissions)
    plans = UsagePlans(clock)
    surroundings = Surroundings(
        account=account,
        region=REGION,
        aws=backends,
        functions=functions,
        apis=ApiRegistry(),
        layers=LayerStore(),
        permissions=permissions,
        plans=plans,
        control=control.connect(functions, permissions),
        containers=_containers(
            clock, control, progress=progress, placement=placement, aws=backends
        ),
    )
    containers = surroundings.containers
    held.push_async_callback(containers.close)
    calls = LambdaCalls(functions)
    endpoint = AwsEndpoint(backends, {"lambda": calls.serve} | EcsApi(containers).sites)
    held.callback(endpoint.close)
    aws = Listener(bound=aws_socket, site=endpoint, clock=clock, limits=AWS_LIMITS)
    held.push_async_callback(aws.close)
    await aws.start()
    front_door = FrontDoor(
        apis=surroundings.apis,
        invoke=calls.invoke,
        allows=permitted,
        gatekeeper=Gatekeeper(
            trusted=_trusted(placement.get("issuer_folder", FOLDER), account, clock),
            invoke=calls.invoke,
            allows=permitted,
            plans=plans,
            clock=clock,
            region=REGION,
            firewall=surroundings.firewall,
        ),
        clock=clock,
        rng=random.Random(rng.getrandbits(64)),  # noqa: S311 - repeatable, not secret
        account=account,
        region=REGION,
        forward=containers.forward,
        held_up=functions.held_up_s,
    )
    domains = DomainListeners(
        surroundings.apis, front_door, clock=clock, folder=placement.get("issuer_folder", FOLDER)
    )
    api = _ways_in(held, api_socket, front_door, domains, clock)
    held.push_async_callback(control.close)
    if placement.get("ticks", True):
        control.start()
    return Parts(
        surroundings=surroundings,
        front_door=front_door,
        endpoint=endpoint,
        api=api,
        aws=aws,
        domains=domains,
    )


def _ways_in(
    held: AsyncExitStack,
    bound: socket.socket,
    front_door: FrontDoor,
    domains: DomainListeners,
    clock: Clock,
) -> Listener:
    """Close what leads to the front door before anything behind it is closed."""
    own = Entrance(front_door, OWN_NAME)
    api = Listener(bound=bound, site=own, clock=clock, limits=API_LIMITS)
    held.push_async_callback(api.close)
    held.push_async_callback(domains.close)
    return api


def _loop_and_functions(
    *,
    rng: random.Random,
    clock: Clock,
    progress: Callable[[Event], None],
    placement: Placement,
    backends: MotoBackends,
) -> tuple[ControlLoop, LambdaService]:
    observation = placement.get("observation", Observation())
    control = ControlLoop(
        clock=clock,
        rng=random.Random(rng.getrandbits(64)),  # noqa: S311 - repeatable, not secret
        account=backends.account,
        region=REGION,
        aws=backends,
        progress=progress,
        observation=observation,
        tick_s=max(SHORTEST_TICK_S, TICK_S / placement.get("speed", 1.0)),
    )

    def take(line: LogLine) -> None:
        if observation.heed(line):
            return
        progress(FunctionLog(function=line.function, line=line.text))
        control.collection.line(line)
        control.subscriptions.take(line)

    functions = LambdaService(
        clock=clock,
        rng=random.Random(rng.getrandbits(64)),  # noqa: S311 - repeatable, not secret
        log_sink=take,
        runtime=RuntimeFolders.prepare(
            placement.get("build_folder", BUILD_FOLDER),
            progress=lambda sentence: progress(Working(sentence=sentence)),
        ),
        account=backends.account,
        region=REGION,
        endpoint_url=backends.endpoint,
        on_event_failure=control.failed.take,
        on_invocation=control.collection.invoked,
        boundary=placement.get("boundary"),
        state_folder=placement.get("state_folder"),
    )
    return control, functions


def _containers(
    clock: Clock,
    control: ControlLoop,
    *,
    progress: Callable[[Event], None],
    placement: Placement,
    aws: MotoBackends,
) -> ContainerServices:
    def take(name: str, line: str, *, stream: str = "", log_group: str = "") -> None:
        said = LogLine(
            function=name, version="", environment=stream, timestamp=clock.now(), text=line
        )
        progress(FunctionLog(function=name, line=line))
        control.collection.line(said)
        control.subscriptions.take_of_group(log_group, said)

    containers = ContainerServices(
        clock=clock,
        # Its own, so that no other choice depends on there being containers.
        rng=random.Random(aws.account),  # noqa: S311 - repeatable, not secret
        aws=aws,
        cloudwatch=control.cloudwatch,
        place=Place(
            variables=container_variables(region=REGION, endpoint_url=aws.endpoint),
            grpc_port=placement.get("grpc_port", GRPC_PORT),
            log=take,
            agent_url=f"{aws.endpoint}/ecs-agent",
            authority=lambda: LocalAuthority.open(placement.get("issuer_folder", FOLDER), clock),
        ),
    )
    control.join(containers.tick)
    return containers


def _permitted(permissions: Permissions) -> Allows:
    return lambda function_arn, source_arn: permissions.allows(
        function_arn=function_arn, principal=GATEWAY, source_arn=source_arn
    )


def _trusted(folder: Path, account: str, clock: Clock) -> Trusted:
    """Believe this machine's own issuer and credentials, and the account's users and sessions."""
    return Trusted(
        issuers={ISSUER: LocalIssuer.open(folder).key_set},
        signers=Principals(account, LocalCredentials.open(folder), clock),
    )


def _check_places(assembly: Assembly) -> None:
    for stack in assembly.stacks:
        if stack.region not in {REGION, "unknown-region"}:
            raise AssemblyError(
                assembly.path, f"stack {stack.name} is for {stack.region}, not {REGION}"
            )
