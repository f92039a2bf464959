"""The composition root: a region's parts, made and joined, none of them deployed to yet."""

import random
import socket
from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from falaj.contract import GRPC_PORT, REGION
from falaj.domain.clock import Clock
from local_region.authority import LocalAuthority
from local_region.aws_endpoint import AWS_LIMITS, PAGES, AwsEndpoint
from local_region.backends.moto_backends import MotoBackends
from local_region.backends.principals import Principals
from local_region.container_service.containers import ContainerServices, Place
from local_region.container_service.ecs_api import EcsApi
from local_region.container_service.task import container_variables
from local_region.control_loop import SHORTEST_TICK_S, TICK_S, ControlLoop, Observation
from local_region.credentials import LocalCredentials
from local_region.dashboards.site import DashboardSite
from local_region.domain_listeners import DomainListeners
from local_region.gateway.domains import OWN_NAME, Entrance
from local_region.gateway.front_door import API_LIMITS, Allows, FrontDoor
from local_region.gateway.gatekeeper import Gatekeeper, Trusted
from local_region.gateway.registry import ApiRegistry
from local_region.gateway.route import Route
from local_region.gateway.usage_plans import UsagePlans
from local_region.issuer import FOLDER, ISSUER, LocalIssuer
from local_region.lambda_calls import LambdaCalls
from local_region.lambda_service import LambdaService, LogLine, RuntimeFolders
from local_region.listener import Listener, bind, url_of
from local_region.placement import ACCOUNT, BUILD_FOLDER, Placement
from local_region.progress import Event, FunctionLog, Working
from local_region.resources.kind import Surroundings
from local_region.resources.layers import LayerStore
from local_region.resources.permissions import Permissions
from local_region.state_machines.api import StatesApi
from local_region.state_machines.service import StateMachines

GATEWAY: Final = "apigateway.amazonaws.com"


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


async def compose(
    held: AsyncExitStack,
    *,
    ports: tuple[int, int],
    rng: random.Random,
    clock: Clock,
    progress: Callable[[Event], None],
    placement: Placement,
) -> Parts:
    """Make a region's parts and start what serves AWS; the API is bound, and served by the caller.

    Args:
        held: Closes them, the last first.
        ports: Of the API and of AWS's services; 0 takes a free one.
        rng: Every random choice comes from it.
        clock: Tells the time.
        progress: Told what happens.
        placement: Where the region lives.

    Raises:
        ConfigurationError: A port or a runtime is refused.
    """
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
        machines=StateMachines(
            functions,
            backends,
            clock=clock,
            # Its own, so that no other choice depends on there being executions.
            rng=random.Random(account),  # noqa: S311 - repeatable, not secret
            account=account,
            region=REGION,
        ),
    )
    held.push_async_callback(surroundings.machines.close)
    held.push_async_callback(surroundings.containers.close)
    calls = LambdaCalls(functions)
    endpoint = _aws_endpoint(surroundings, calls, clock)
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
        forward=surroundings.containers.forward,
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


def _aws_endpoint(surroundings: Surroundings, calls: LambdaCalls, clock: Clock) -> AwsEndpoint:
    """Answer for AWS's services: ours where there is one, moto's otherwise."""
    own = {
        "lambda": calls.serve,
        "states": StatesApi(surroundings.machines).serve,
        PAGES: DashboardSite(surroundings.control.cloudwatch, clock).answer,
    }
    return AwsEndpoint(surroundings.aws, own | EcsApi(surroundings.containers).sites)


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
