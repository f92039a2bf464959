"""Asks targets whether they are well, at the interval of their group.

A target is asked for the first time as soon as it is known where it listens; not listening counts
as failed at every interval, as a refused connection does on AWS.
"""

import asyncio
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Final

from local_region.container_service.grpc_quiet import grpc
from local_region.container_service.target_group import Address, Target, TargetGroup
from local_region.container_service.target_health import HealthCheck, HealthState
from local_region.container_service.upstream import Upstream, UpstreamError
from local_region.gateway.messages import Request
from local_region.listener import HOST

_WAIT_S: Final = 1.0
"""How long a round waits for its slowest answer; later ones count when they come."""

AGENT: Final = "ELB-HealthChecker/2.0"


class HealthChecks:
    """The checks of every target group of a region."""

    def __init__(self) -> None:
        self._asking: dict[tuple[str, str], asyncio.Task[None]] = {}

    async def due(self, groups: Iterable[TargetGroup], now: datetime) -> None:
        """Ask every target whose time has come."""
        for group in groups:
            for target in list(group.targets.values()):
                self._look(group, target, now)
        if self._asking:
            await asyncio.wait(list(self._asking.values()), timeout=_WAIT_S)

    async def close(self) -> None:
        """Ask nobody any more."""
        for task in list(self._asking.values()):
            task.cancel()
        await asyncio.gather(*self._asking.values(), return_exceptions=True)

    def _look(self, group: TargetGroup, target: Target, now: datetime) -> None:
        key = (group.settings.arn, target.id)
        if target.health.state is HealthState.DRAINING or key in self._asking:
            return
        check = group.settings.health_check
        interval = timedelta(seconds=check.interval_s)
        address = target.address
        if address is not None and not target.was_found:
            target.was_found, target.due = True, now
        if target.due is None:
            target.due = now + interval
        if now < target.due:
            return
        target.due = now + interval
        if address is None:
            group.checked(target.id, has_passed=False, reason="Target.FailedHealthChecks")
            return
        asking = asyncio.ensure_future(self._ask(group, target.id, address))
        self._asking[key] = asking
        asking.add_done_callback(lambda _: self._asking.pop(key, None))

    async def _ask(self, group: TargetGroup, id_: str, address: Address) -> None:
        check = group.settings.health_check
        ask = grpc_code if group.settings.is_grpc else http_code
        try:
            code = await ask(check, address)
        except TimeoutError:
            group.checked(id_, has_passed=False, reason="Target.Timeout")
        except (UpstreamError, OSError):
            group.checked(id_, has_passed=False, reason="Target.FailedHealthChecks")
        else:
            reason = "" if check.passes(code) else "Target.ResponseCodeMismatch"
            group.checked(id_, has_passed=check.passes(code), reason=reason)


async def http_code(check: HealthCheck, address: Address) -> int:
    """Ask over HTTP; return the status.

    Raises:
        UpstreamError: The connection was refused or broke.
        TimeoutError: No answer came in time.
    """
    upstream = Upstream(address)
    request = Request(
        method="GET",
        path=check.path,
        query="",
        headers=(("host", f"{address[0]}:{address[1]}"), ("user-agent", AGENT)),
        body=b"",
        source_ip=HOST,
    )
    try:
        return (await upstream.ask(request, timeout_s=check.timeout_s)).status
    finally:
        upstream.close()


async def grpc_code(check: HealthCheck, address: Address) -> int:
    """Ask over gRPC with an empty message; return the status code.

    Raises:
        UpstreamError: Nobody listens there.
        TimeoutError: No answer came in time.
    """
    options = (("grpc.use_local_subchannel_pool", 1), ("grpc.enable_retries", 0))
    async with grpc.aio.insecure_channel(f"{address[0]}:{address[1]}", options=options) as channel:
        call = channel.unary_unary(check.path)(b"", timeout=check.timeout_s)
        code = await call.code()
    if code is grpc.StatusCode.UNAVAILABLE:
        raise UpstreamError("unavailable")
    if code is grpc.StatusCode.DEADLINE_EXCEEDED:
        raise TimeoutError
    return int(code.value[0])
