"""When a load balancer takes a target for healthy: thresholds over checks, as a pure function.

Source:
    docs.aws.amazon.com/elasticloadbalancing/latest/application/target-group-health-checks.html: a
    target registered just now needs one passed check; after that, `HealthyThresholdCount`
    consecutive successes bring it back and `UnhealthyThresholdCount` consecutive failures take it
    out. Defaults are those of the API's CreateTargetGroup. Read 2026-11-22.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final, Self

HTTP_CODES: Final = "200"
GRPC_CODES: Final = "12"
"""What passes unless a matcher says otherwise (botocore's elbv2 model, `Matcher`)."""
HTTP_PATH: Final = "/"
GRPC_PATH: Final = "/AWS.ALB/healthcheck"


class HealthState(StrEnum):
    """A target's state, as DescribeTargetHealth spells it."""

    INITIAL = "initial"
    HEALTHY = "healthy"
    UNHEALTHY = "unhealthy"
    DRAINING = "draining"


@dataclass(frozen=True, slots=True, kw_only=True)
class HealthCheck:
    """How targets are checked.

    Attributes:
        path: What is asked: an HTTP path, or a gRPC method as a path.
        codes: Codes that pass, as ranges with both ends included.
        interval_s: Seconds between checks of one target.
        timeout_s: Seconds without an answer that make a check fail.
        healthy_threshold: Passed checks in a row that bring a target back.
        unhealthy_threshold: Failed checks in a row that take it out.
    """

    path: str = HTTP_PATH
    codes: tuple[tuple[int, int], ...] = ((200, 200),)
    interval_s: float = 30
    timeout_s: float = 6
    healthy_threshold: int = 5
    unhealthy_threshold: int = 2

    @classmethod
    def from_properties(cls, properties: Mapping[str, Any], *, is_grpc: bool) -> Self:
        """Read a target group's properties."""
        matcher = properties.get("Matcher") or {}
        codes = matcher.get("GrpcCode" if is_grpc else "HttpCode") or (
            GRPC_CODES if is_grpc else HTTP_CODES
        )
        return cls(
            path=properties.get("HealthCheckPath") or (GRPC_PATH if is_grpc else HTTP_PATH),
            codes=read_codes(str(codes)),
            interval_s=float(properties.get("HealthCheckIntervalSeconds", 30)),
            timeout_s=float(properties.get("HealthCheckTimeoutSeconds", 6)),
            healthy_threshold=int(properties.get("HealthyThresholdCount", 5)),
            unhealthy_threshold=int(properties.get("UnhealthyThresholdCount", 2)),
        )

    def passes(self, code: int) -> bool:
        """Say whether an answer with this code is a success."""
        return any(low <= code <= high for low, high in self.codes)


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetHealth:
    """A target's state and the checks in a row that could change it."""

    state: HealthState = HealthState.INITIAL
    passed: int = 0
    failed: int = 0
    reason: str = field(default="", compare=False)


def after_check(
    health: TargetHealth, check: HealthCheck, *, has_passed: bool, reason: str = ""
) -> TargetHealth:
    """Return a target's health after one more check.

    Example:
        >>> after_check(TargetHealth(), HealthCheck(), has_passed=True).state
        <HealthState.HEALTHY: 'healthy'>
    """
    if health.state is HealthState.DRAINING:
        return health
    if has_passed:
        passed = health.passed + 1
        is_up = health.state is not HealthState.UNHEALTHY or passed >= check.healthy_threshold
        return TargetHealth(
            state=HealthState.HEALTHY if is_up else HealthState.UNHEALTHY,
            passed=passed,
            reason="" if is_up else health.reason,
        )
    failed = health.failed + 1
    state = HealthState.UNHEALTHY if failed >= check.unhealthy_threshold else health.state
    return TargetHealth(state=state, failed=failed, reason=reason)


def read_codes(text: str) -> tuple[tuple[int, int], ...]:
    """Read a matcher's codes.

    Example:
        >>> read_codes("200,204-299")
        ((200, 200), (204, 299))
    """
    found = []
    for part in text.split(","):
        low, _, high = part.strip().partition("-")
        found.append((int(low), int(high or low)))
    return tuple(found)
