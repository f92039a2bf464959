"""A port for each custom domain, which speaks TLS as the domain's template says."""

from pathlib import Path
from typing import NamedTuple

from falaj.domain.clock import Clock
from local_region.authority import CERTIFICATE_FILE, LocalAuthority
from local_region.gateway.domains import Domain, Entrance
from local_region.gateway.front_door import API_LIMITS, FrontDoor
from local_region.gateway.registry import ApiRegistry
from local_region.listener import Listener, bind


class _Open(NamedTuple):
    domain: Domain
    listener: Listener
    port: int


class DomainListeners:
    """Keeps a listener open for each domain there is.

    Args:
        apis: Knows the domains.
        door: Answers.
        clock: Dates certificates and answers.
        folder: Where this machine's authority is kept.
    """

    def __init__(self, apis: ApiRegistry, door: FrontDoor, *, clock: Clock, folder: Path) -> None:
        self._apis, self._door, self._clock, self._folder = apis, door, clock, folder
        self._open: dict[str, _Open] = {}
        self._authority: LocalAuthority | None = None

    @property
    def addresses(self) -> tuple[tuple[str, str], ...]:
        """Each domain with where it answers."""
        return tuple((name, each.listener.url) for name, each in self._open.items())

    @property
    def authority(self) -> Path:
        """The certificate that clients check servers by."""
        return self._folder / CERTIFICATE_FILE

    async def follow(self) -> None:
        """Open what is new, close what is gone, and open anew on the same port what has changed."""
        domains = self._apis.domains
        ports = {name: each.port for name, each in self._open.items()}
        for name in [n for n, each in self._open.items() if domains.get(n) is not each.domain]:
            await self._open.pop(name).listener.close()
        for name, domain in domains.items():
            if name not in self._open:
                self._open[name] = await self._opened(domain, ports.get(name, 0))

    async def close(self) -> None:
        """Close every port."""
        while self._open:
            _, each = self._open.popitem()
            await each.listener.close()

    async def _opened(self, domain: Domain, port: int) -> _Open:
        self._authority = self._authority or LocalAuthority.open(self._folder, self._clock)
        tls = self._authority.server_context(domain.name, domain.trust_store, self._clock)
        bound = bind(port, setting="a custom domain's port")
        listener = Listener(
            bound=bound,
            site=Entrance(self._door, domain.name),
            clock=self._clock,
            limits=API_LIMITS,
            tls=tls,
        )
        await listener.start()
        return _Open(domain, listener, bound.getsockname()[1])
