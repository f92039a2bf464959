"""The targets of one target group: who may be asked, who is asked next, who is still busy.

Source:
    docs.aws.amazon.com/elasticloadbalancing/latest/application/target-group-health-checks.html (a
    group of which no target is healthy fails open: all are asked);
    …/edit-target-group-attributes.html (round robin unless `load_balancing.algorithm.type` says
    otherwise; a deregistering target gets no new requests and is done when nothing is in flight, or
    after `deregistration_delay.timeout_seconds`, 300 by default). Read 2026-11-22.
"""

import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Final, Self

from local_region.container_service.target_health import (
    HealthCheck,
    HealthState,
    TargetHealth,
    after_check,
)

GRPC: Final = "GRPC"
_ALGORITHMS: Final = ("round_robin", "least_outstanding_requests", "weighted_random")
_DELAY_S: Final = "300"

Address = tuple[str, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupSettings:
    """A target group's settings.

    Attributes:
        arn: Its ARN.
        is_grpc: Whether targets speak gRPC.
        health_check: How targets are checked.
        algorithm: Who is asked next.
        deregistration_delay_s: How long a deregistering target may go on answering.
    """

    arn: str
    is_grpc: bool
    health_check: HealthCheck
    algorithm: str = "round_robin"
    deregistration_delay_s: float = 300

    def __post_init__(self) -> None:
        if self.algorithm not in _ALGORITHMS:
            raise ValueError(f"load_balancing.algorithm.type is {self.algorithm!r}: not known here")

    @classmethod
    def from_properties(cls, properties: Mapping[str, Any], *, arn: str) -> Self:
        """Read `AWS::ElasticLoadBalancingV2::TargetGroup`.

        Raises:
            ValueError: An attribute asks for what is not known here.
        """
        given = {item["Key"]: item["Value"] for item in properties.get("TargetGroupAttributes", ())}
        is_grpc = properties.get("ProtocolVersion") == GRPC
        return cls(
            arn=arn,
            is_grpc=is_grpc,
            health_check=HealthCheck.from_properties(properties, is_grpc=is_grpc),
            algorithm=given.get("load_balancing.algorithm.type", "round_robin"),
            deregistration_delay_s=float(
                given.get("deregistration_delay.timeout_seconds", _DELAY_S)
            ),
        )


class Target:
    """One registered target.

    Args:
        id_: The task's.
        address: Where it listens; None until that is known.

    Attributes:
        outstanding: Requests it has not answered.
        health: What checks have said so far.
        served: Requests it was ever asked.
        due: When it is checked next; None before anybody has looked at it.
        was_found: Whether its address was ever known.
    """

    def __init__(self, id_: str, address: Callable[[], Address | None]) -> None:
        self.id = id_
        self.outstanding = 0
        self.served = 0
        self.health = TargetHealth()
        self.due: datetime | None = None
        self.was_found = False
        self.drained_by: datetime | None = None
        self._address = address

    @property
    def address(self) -> Address | None:
        """Where it listens; None while nobody knows."""
        return self._address()

    @contextmanager
    def asked(self) -> Iterator[None]:
        """Count a request from being sent to being answered."""
        self.outstanding += 1
        self.served += 1
        try:
            yield
        finally:
            self.outstanding -= 1


class TargetGroup:
    """Targets, and the choice among them.

    Args:
        settings: The group's.
        rng: Source of random choices.
    """

    def __init__(self, settings: GroupSettings, rng: random.Random) -> None:
        self.settings = settings
        self._rng = rng
        self._turn = 0
        self.targets: dict[str, Target] = {}

    def register(self, target: Target) -> None:
        """Take a target in; it is asked once it has passed a check."""
        self.targets[target.id] = target

    def deregister(self, id_: str, now: datetime) -> None:
        """Ask a target no more; what it works on may end."""
        target = self.targets.get(id_)
        if target is None or target.health.state is HealthState.DRAINING:
            return
        target.health = replace(target.health, state=HealthState.DRAINING)
        target.drained_by = now + timedelta(seconds=self.settings.deregistration_delay_s)

    def is_drained(self, id_: str, now: datetime) -> bool:
        """Say whether a deregistered target has answered all it was asked, or has had its time."""
        target = self.targets.get(id_)
        if target is None or target.drained_by is None:
            return target is None
        return not target.outstanding or now >= target.drained_by

    def remove(self, id_: str) -> None:
        """Forget a target that is gone."""
        self.targets.pop(id_, None)

    def checked(self, id_: str, *, has_passed: bool, reason: str = "") -> None:
        """Note the outcome of a health check."""
        target = self.targets.get(id_)
        if target is not None:
            target.health = after_check(
                target.health, self.settings.health_check, has_passed=has_passed, reason=reason
            )

    @property
    def healthy(self) -> list[Target]:
        """Targets that pass their checks."""
        return [t for t in self.targets.values() if t.health.state is HealthState.HEALTHY]

    def pick(self, *, without: Sequence[Target] = ()) -> Target | None:
        """Choose who answers the next request; None if nobody can.

        Args:
            without: Targets that have just refused a connection.
        """
        registered = [
            target
            for target in self.targets.values()
            if target.health.state is not HealthState.DRAINING and target not in without
        ]
        healthy = [target for target in registered if target.health.state is HealthState.HEALTHY]
        among = healthy or registered
        if not among:
            return None
        if self.settings.algorithm == "weighted_random":
            return self._rng.choice(among)
        self._turn += 1
        start = self._turn % len(among)
        turned = among[start:] + among[:start]
        if self.settings.algorithm == "round_robin":
            return turned[0]
        return min(turned, key=lambda target: target.outstanding)
