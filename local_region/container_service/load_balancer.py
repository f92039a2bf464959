"""Application Load Balancers: a listener's rules, a target, its answer or the balancer's own error.

Source:
    docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-troubleshooting.html:
    503 when nobody is registered, 502 when a target breaks the connection or answers nonsense, 504
    when it does not answer within the idle timeout (60 s unless set). Read 2026-11-22.
"""

import asyncio
import random
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from http import HTTPStatus

from local_region.container_service.listener_rules import Action, Forward, Rule, action_for
from local_region.container_service.target_group import Address, Target, TargetGroup
from local_region.container_service.upstream import (
    ConnectionRefusedUpstreamError,
    Upstream,
    UpstreamError,
)
from local_region.gateway.messages import Request, Response


@dataclass(slots=True, kw_only=True)
class BalancerListener:
    """A listener of a load balancer.

    Attributes:
        arn: Its ARN.
        load_balancer_arn: Whose listener it is.
        port: The port it has on AWS.
        default: What happens when no rule holds.
        trust_store: ARN of the trust store whose clients alone are let in; None asks for none.
        rules: By ARN.
    """

    arn: str
    load_balancer_arn: str
    port: int
    default: Action
    trust_store: str | None = None
    rules: dict[str, Rule] = field(default_factory=dict)

    def action(self, request: Request) -> Action:
        """Return what is to be done with a request."""
        return action_for(self.rules.values(), self.default, request)

    def group_arns(self) -> set[str]:
        """Return every target group that it can forward to."""
        actions = [self.default, *(rule.action for rule in self.rules.values())]
        return {arn for action in actions if isinstance(action, Forward) for arn in action.weights}


class LoadBalancing:
    """Every load balancer, listener and target group of a region.

    Args:
        rng: Source of weighted choices.
    """

    def __init__(self, rng: random.Random) -> None:
        self._rng = rng
        self._upstreams: dict[Address, Upstream] = {}
        self.groups: dict[str, TargetGroup] = {}
        self.listeners: dict[str, BalancerListener] = {}
        self.trust_stores: dict[str, str] = {}
        self.idle_timeouts_s: dict[str, float] = {}
        self.dns_names: dict[str, str] = {}
        self.refused: dict[str, int] = {}

    def group_for(self, listener: BalancerListener, request: Request) -> TargetGroup | Response:
        """Return the group that answers a request, or the listener's own answer."""
        action = listener.action(request)
        if isinstance(action, Response):
            return action
        return self.groups[action.choose(self._rng)]

    def trust(self, listener: BalancerListener) -> str | None:
        """Return the certificates of a listener's trust store as PEM; None if it has none."""
        return None if listener.trust_store is None else self.trust_stores[listener.trust_store]

    async def answer(self, listener_arn: str, request: Request) -> Response:
        """Answer a request that came to a listener."""
        listener = self.listeners.get(listener_arn)
        if listener is None:
            return own_answer(HTTPStatus.SERVICE_UNAVAILABLE)
        group = self.group_for(listener, request)
        if isinstance(group, Response):
            return group
        timeout_s = self.idle_timeouts_s.get(listener.load_balancer_arn, 60)
        response = await self._asked(group, request, timeout_s)
        if response.status == HTTPStatus.SERVICE_UNAVAILABLE and not group.targets:
            self.refused[group.settings.arn] = self.refused.get(group.settings.arn, 0) + 1
        return response

    async def _asked(self, group: TargetGroup, request: Request, timeout_s: float) -> Response:
        refused: list[Target] = []
        while target := group.pick(without=refused):
            address = target.address
            if address is None:
                refused.append(target)
                continue
            try:
                with target.asked():
                    return await self.upstream(address).ask(request, timeout_s=timeout_s)
            except ConnectionRefusedUpstreamError:
                refused.append(target)  # it has just gone; nothing was sent to it
            except UpstreamError:
                self.forget(address)  # its kept connections are no better
                return own_answer(HTTPStatus.BAD_GATEWAY)
            except TimeoutError:
                return own_answer(HTTPStatus.GATEWAY_TIMEOUT)
        # Nothing was waited for: a caller that asks again at once would leave nobody else a turn.
        await asyncio.sleep(0)
        status = HTTPStatus.BAD_GATEWAY if refused else HTTPStatus.SERVICE_UNAVAILABLE
        return own_answer(status)

    def weigh(self, rule_arn: str, weights: Mapping[str, int]) -> None:
        """Set how much each target group of a rule is asked; a rule that is gone is no error."""
        for listener in self.listeners.values():
            rule = listener.rules.get(rule_arn)
            if rule is not None and rule.action != Forward(weights=weights):
                listener.rules[rule_arn] = replace(rule, action=Forward(weights=weights))

    def upstream(self, address: Address) -> Upstream:
        """Return the connections to an address."""
        found = self._upstreams.get(address)
        if found is None:
            found = self._upstreams[address] = Upstream(address)
        return found

    def forget(self, address: Address) -> None:
        """Drop the connections to an address where nobody is any more."""
        upstream = self._upstreams.pop(address, None)
        if upstream is not None:
            upstream.close()

    def close(self) -> None:
        """Drop every connection."""
        for upstream in self._upstreams.values():
            upstream.close()
        self._upstreams.clear()


def own_answer(status: HTTPStatus) -> Response:
    """Return the page that a load balancer answers when no target does."""
    title = f"{status.value} {status.phrase}"
    page = (
        f"<html>\r\n<head><title>{title}</title></head>\r\n<body>\r\n"
        f"<center><h1>{title}</h1></center>\r\n</body>\r\n</html>\r\n"
    )
    return Response(
        status=status.value,
        headers=(("server", "awselb/2.0"), ("content-type", "text/html")),
        body=page.encode(),
    )
