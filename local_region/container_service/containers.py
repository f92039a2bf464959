"""Elastic Container Service, Elastic Load Balancing and Application Auto Scaling of one region."""

import asyncio
import random
import shutil
import ssl
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from http import HTTPStatus
from pathlib import Path
from typing import Final, Protocol

from falaj.domain.clock import Clock
from local_region.authority import LocalAuthority
from local_region.backends.moto_backends import MotoBackends
from local_region.cloudwatch.alarm_state import AlarmState
from local_region.cloudwatch.service import CloudWatchService
from local_region.container_service.grpc_front import Credentials, GrpcFront
from local_region.container_service.health_checks import HealthChecks
from local_region.container_service.images import Images
from local_region.container_service.load_balancer import LoadBalancing, own_answer
from local_region.container_service.machines import Machines
from local_region.container_service.mutual_tls import with_certificate
from local_region.container_service.outside import Outside
from local_region.container_service.scaling import Scaling
from local_region.container_service.service import Service
from local_region.container_service.target_group import Address
from local_region.container_service.task import Task, Workshop
from local_region.container_service.task_definition import ServiceSettings, TaskDefinition
from local_region.gateway.messages import Request, Response
from local_region.listener import HOST, Limits, Listener, bind

LIMITS: Final = Limits(header_bytes=64 * 1024, body_bytes=256 * 1024 * 1024)
"""Source: docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-limits.html
(HTTP headers: 64 K in a single request, not adjustable). Bodies are not limited there."""

WEB_PORTS: Final = (443, 80)
GRPC_SETTING: Final = "FALAJ_GRPC_PORT"
_STEADY_LOOK_S: Final = 0.05


class TakeLine(Protocol):
    """Gets what services and their containers say."""

    def __call__(self, name: str, line: str, *, stream: str = "", log_group: str = "") -> None:
        """Take a line.

        Args:
            name: The service, and the container where it is one's.
            line: What was said.
            stream: The log stream; empty where nothing of AWS's keeps the line.
            log_group: Its log group.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where container services live on this machine.

    Attributes:
        variables: Every container's environment before its image's.
        grpc_port: Where the first gRPC name answers; 0 takes free ports.
        log: Gets each line.
        agent_url: Where containers find ECS's agent; empty for nowhere.
        authority: Issues what listeners show that ask clients for certificates.
    """

    variables: Mapping[str, str]
    grpc_port: int
    log: TakeLine
    agent_url: str = ""
    authority: Callable[[], LocalAuthority] | None = None


class ContainerServices:
    """Everything that makes containers answer.

    Args:
        clock: Tells the time.
        rng: Source of ids and weighted choices.
        aws: Where alarms are made.
        cloudwatch: Where they are evaluated.
        place: Where containers live.

    Attributes:
        images: Images by name.
        definitions: Task definitions by ARN.
        services: Services by ARN.
        balancing: Load balancers, listeners, target groups.
        machines: Which zones have machines for whom.
        scaling: Scalable targets and policies.
    """

    def __init__(
        self,
        *,
        clock: Clock,
        rng: random.Random,
        aws: MotoBackends,
        cloudwatch: CloudWatchService,
        place: Place,
    ) -> None:
        self._clock, self._rng, self._place = clock, rng, place
        self._cloudwatch = cloudwatch
        self._folder = Path(tempfile.mkdtemp(prefix="falaj-containers-"))
        self._checks = HealthChecks()
        self._sites: dict[str, tuple[Listener, str | None]] = {}
        self._fronts: dict[tuple[str, str], GrpcFront] = {}
        self._names: dict[str, str] = {}
        self.images = Images(self._folder / "images")
        self.definitions: dict[str, TaskDefinition] = {}
        self.services: dict[str, Service] = {}
        self.balancing = LoadBalancing(rng)
        self.machines = Machines()
        self.scaling = Scaling(aws=aws, cloudwatch=cloudwatch, find=self.by_resource_id)

    # ---------------------------------------------------------------- services
    def by_resource_id(self, resource_id: str) -> Service | None:
        """Find a service by `service/<cluster>/<name>`."""
        found = (s for s in self.services.values() if s.settings.resource_id == resource_id)
        return next(found, None)

    def put_service(self, settings: ServiceSettings) -> Service:
        """Create a service, or give it new settings."""
        service = self.services.get(settings.arn)
        if service is None:
            service = self.services[settings.arn] = Service(
                settings,
                definitions=self.definitions,
                groups=self.balancing.groups,
                make=lambda id_, definition: self._task(id_, definition, settings.name),
                clock=self._clock,
                rng=self._rng,
                outside=Outside(
                    is_in_alarm=self._is_in_alarm,
                    weigh=self.balancing.weigh,
                    tell=lambda sentence: self._place.log(settings.name, sentence),
                    on_gone=self._forget,
                    place=lambda wanted, taken: self.machines.place(
                        wanted.capacity_provider, wanted.subnets, taken
                    ),
                ),
            )
        else:
            service.change(settings)
        service.reconcile()
        return service

    async def remove_service(self, arn: str) -> None:
        """Stop a service's tasks and forget it."""
        service = self.services.pop(arn, None)
        if service is not None:
            await service.drain()

    async def until_steady(self, service: Service) -> None:
        """Wait until a service runs what is wanted, or has given up; checks are not waited for."""
        await self._until(service, lambda: service.is_steady)

    async def until_up(self, service: Service) -> None:
        """Wait until all that is wanted answers; what a deployment then watches goes on."""
        await self._until(service, lambda: service.is_steady or service.is_baking)

    async def _until(self, service: Service, is_so: Callable[[], bool]) -> None:
        while not is_so() and not service.is_failing:
            await self._checks.due(self.balancing.groups.values(), self._clock.now())
            service.reconcile()
            await asyncio.sleep(_STEADY_LOOK_S)

    async def tick(self) -> None:
        """Check who is due, start and stop what must be, scale by alarms."""
        now = self._clock.now()
        self.scaling.tick(now)
        await self._checks.due(self.balancing.groups.values(), now)
        for service in list(self.services.values()):
            service.reconcile()

    async def close(self) -> None:
        """End every process, free every port."""
        await self._checks.close()
        for service in self.services.values():
            await service.close()
        for front in self._fronts.values():
            await front.close()
        for site, _ in self._sites.values():
            await site.close()
        self.balancing.close()
        await asyncio.to_thread(shutil.rmtree, self._folder, ignore_errors=True)

    # ------------------------------------------------------------------ network
    async def open_listener(self, arn: str, dns_name: str) -> None:
        """Let a listener be reached on this machine by whoever has its load balancer's name."""
        listener = self.balancing.listeners[arn]
        site, trust = self._sites.get(arn, (None, None))
        if site is None or trust != self.balancing.trust(listener):
            if site is not None:
                await site.close()
            made = Listener(
                bound=bind(0, setting="a free port"),
                site=_Site(self.balancing, arn),
                clock=self._clock,
                limits=LIMITS,
                tls=self._context(dns_name, self.balancing.trust(listener)),
            )
            site = await made.start()
            self._sites[arn] = site, self.balancing.trust(listener)
            for of, name in [key for key in self._fronts if key[0] == arn]:
                await self._reopen_grpc(of, name)
        self._names[f"{dns_name}:{listener.port}"] = site.url

    async def close_listener(self, arn: str) -> None:
        """Let nobody reach a listener any more."""
        self.balancing.listeners.pop(arn, None)
        site, _ = self._sites.pop(arn, (None, None))
        if site is not None:
            await site.close()
        for key in [key for key in self._fronts if key[0] == arn]:
            await self._fronts.pop(key).close()

    async def forward(self, arn: str, request: Request) -> Response:
        """Answer what a gateway sends to a listener, or to the plain listener of a balancer."""
        if arn in self.balancing.dns_names:
            own = [li for li in self.balancing.listeners.values() if li.load_balancer_arn == arn]
            arn = next((li.arn for li in own if li.port in WEB_PORTS), arn)
        return await self.balancing.answer(arn, request)

    def reachable(self, text: str) -> str:
        """Write an address of a load balancer as it is on this machine; other text as it is."""
        scheme, separator, rest = text.partition("://")
        if not separator or scheme not in {"http", "https"}:
            return text
        host, slash, path = rest.partition("/")
        port = "" if ":" in host else f":{443 if scheme == 'https' else 80}"
        found = self._names.get(f"{host}{port}")
        return text if found is None else f"{found}{slash}{path}"

    async def open_grpc(self, listener_arn: str, name: str) -> None:
        """Give a name of a gRPC listener a port of its own here, where names do not resolve.

        Raises:
            PortInUseError: Somebody else listens there.
        """
        if (listener_arn, name) in self._fronts:
            return
        first = self._place.grpc_port
        port = first + len(self._fronts) if first else 0
        if port:
            bind(port, setting=GRPC_SETTING).close()
        await self._start_grpc(listener_arn, name, port)

    async def _reopen_grpc(self, listener_arn: str, name: str) -> None:
        """Ask clients on the same port for what the listener now asks for."""
        front = self._fronts.pop((listener_arn, name))
        await front.close()
        await self._start_grpc(listener_arn, name, front.port)

    async def _start_grpc(self, listener_arn: str, name: str, port: int) -> None:
        listener = self.balancing.listeners[listener_arn]
        front = GrpcFront(
            lambda request: self.balancing.group_for(listener, _named(request, name)),
            port=port,
            credentials=self._credentials(name, self.balancing.trust(listener)),
        )
        await front.start()
        self._fronts[listener_arn, name] = front

    def _credentials(self, name: str, trust: str | None) -> Credentials | None:
        if trust is None or self._place.authority is None:
            return None
        key, certificate = self._place.authority().server(name or HOST, self._clock)
        # Of a trust store that is empty here nobody has a certificate, nor of a server's own.
        return key, certificate, trust.encode() or certificate

    def _context(self, name: str, trust: str | None) -> ssl.SSLContext | None:
        if trust is None or self._place.authority is None:
            return None
        authority = self._place.authority()
        _, nobody = authority.server(name, self._clock)
        return authority.server_context(name, trust or nobody.decode("ascii"), self._clock)

    def grpc_addresses(self) -> dict[str, str]:
        """Return where each gRPC name answers."""
        return {name or "*": f"{HOST}:{front.port}" for (_, name), front in self._fronts.items()}

    def protect(self, task_id: str, minutes: int) -> bool:
        """Let no scaling take a task away for a while, or at once again with 0 minutes.

        Returns:
            Whether there is such a task.
        """
        for service in self.services.values():
            for task in service.tasks:
                if task.id == task_id:
                    until = self._clock.now() + timedelta(minutes=minutes)
                    task.protected_until = until if minutes else None
                    return True
        return False

    def lose_zones(self, zones: frozenset[str]) -> int:
        """Let exactly these zones be lost, with the tasks in them; return how many tasks ended."""
        new, self.machines.lost = zones - self.machines.lost, zones
        return sum(service.lose(new) for service in self.services.values())

    def replicas(self) -> Iterator[tuple[str, int, int]]:
        """Yield each service's name, its tasks that answer and those that are wanted."""
        for service in self.services.values():
            yield service.settings.name, len(service.healthy), service.desired_count

    # ------------------------------------------------------------------ private
    def _is_in_alarm(self, name: str) -> bool:
        try:
            return self._cloudwatch.board.state(name) is AlarmState.ALARM
        except KeyError:
            return False

    def _task(self, id_: str, definition: TaskDefinition, service: str) -> Task:
        groups = {container.name: container.log_group for container in definition.containers}

        def log(task: str, container: str, line: str) -> None:
            name, stream = f"{service}/{container}", f"{container}/{container}/{task}"
            self._place.log(name, line, stream=stream, log_group=groups[container])

        return Task(
            id_,
            definition,
            Workshop(
                image=self.images.image,
                variables=self._place.variables,
                log=log,
            ),
            self._folder / "tasks" / id_,
            agent_url=self._place.agent_url,
        )

    async def _forget(self, addresses: Sequence[Address]) -> None:
        for address in addresses:
            self.balancing.forget(address)
            for front in self._fronts.values():
                await front.forget(address)


class _Site:
    """A listener of a load balancer behind a port of this machine."""

    def __init__(self, balancing: LoadBalancing, arn: str) -> None:
        self._balancing, self._arn = balancing, arn

    async def answer(self, request: Request) -> Response:
        """Forward."""
        listener = self._balancing.listeners.get(self._arn)
        if listener is not None and listener.trust_store is not None:
            shown = with_certificate(request.headers, request.client_certificate)
            request = replace(request, headers=shown)
        return await self._balancing.answer(self._arn, request)

    def refuse(self, host: str, path: str, *, is_body: bool) -> Response:  # noqa: ARG002
        """Answer what is too large."""
        return own_answer(
            HTTPStatus.REQUEST_ENTITY_TOO_LARGE if is_body else HTTPStatus.BAD_REQUEST
        )


def _named(request: Request, name: str) -> Request:
    """Let a client that came by address be taken for one that came by name."""
    host = request.header("host")
    if not name or (host and not host.startswith((HOST, "localhost", "[::1]"))):
        return request
    headers = (*(pair for pair in request.headers if pair[0] != "host"), ("host", name))
    return replace(request, headers=headers)
