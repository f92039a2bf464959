"""A container's two gates, put together from its environment: REST's and gRPC's."""

import sys
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Final

from falaj.aws.count_table import Post
from falaj.aws.quota_table import QuotaTable
from falaj.aws.signed_calls import TIMEOUT_S as WAIT_S
from falaj.aws.tenant_limits import TenantLimits
from falaj.config.access import AccessSettings
from falaj.config.environment import Environment
from falaj.config.quotas import QuotaSettings
from falaj.container.gate import Gate
from falaj.container.token_callers import TokenCallers
from falaj.container.turns import Turns
from falaj.contract import (
    CERTIFICATES_VERIFIED,
    ENV_ACCESS,
    ENV_CLIENT_CERTIFICATES,
    QUOTAS_PARAMETER,
    SHED_PARAMETER,
)
from falaj.domain.access import AccessMode, Caller
from falaj.domain.claims import checked_caller
from falaj.domain.clock import Clock
from falaj.entrypoints.quotas import START_S, Quotas
from falaj.errors import ConfigurationError

THREADS: Final = 8
"""Of which each waits for one call: several tenants are counted at once, each by one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Gates:
    """Both ways in; None where nobody is asked for anything.

    Attributes:
        rest: REST's; behind an API, which has counted what a usage plan counts.
        grpc: gRPC's; nobody has counted anything before.
    """

    rest: Gate | None = None
    grpc: Gate | None = None

    async def settled(self) -> None:
        """Wait until every place is given back."""
        for gate in (self.rest, self.grpc):
            if gate is not None and gate.turns is not None:
                await gate.turns.settled()


def gates_of(
    *,
    clock: Clock,
    environment: Mapping[str, str] | None = None,
    write: Callable[[str], object] = sys.stdout.write,
) -> Gates:
    """Put the gates together.

    Args:
        clock: Tells when tokens expire, and counts.
        environment: What to read instead of the process's own.
        write: Takes lines for the log.

    Raises:
        ConfigurationError: The environment is not what a stack writes.
    """
    access = AccessSettings.from_env(environment)
    if access.mode is AccessMode.OPEN:
        return Gates()
    env = Environment(environment)
    certificates = env.choice(ENV_CLIENT_CERTIFICATES, (CERTIFICATES_VERIFIED, "none"), "none")
    env.check()
    pool = ThreadPoolExecutor(THREADS, thread_name_prefix="falaj-gate")
    callers = _callers(access, clock, pool) if access.mode is AccessMode.JWT else None
    rest, grpc = _turns(QuotaSettings.from_env(environment), clock, pool, write)
    return Gates(
        rest=Gate(
            mode=access.mode, models=access.models, callers=callers, turns=rest, has_api=True
        ),
        grpc=Gate(
            mode=access.mode,
            models=access.models,
            callers=callers,
            turns=grpc,
            has_certificates=certificates == CERTIFICATES_VERIFIED,
        ),
    )


def _callers(access: AccessSettings, clock: Clock, pool: ThreadPoolExecutor) -> TokenCallers:
    # PyJWT and cryptography are imported only where tokens are asked for.
    from falaj.aws.issuer_keys import IssuerKeys  # noqa: PLC0415
    from falaj.http.tokens import KeySet, bearer_token, verified_claims  # noqa: PLC0415

    try:
        rules = access.rules
    except ValueError as error:
        raise ConfigurationError([f"{ENV_ACCESS}: no replica's ({error})"]) from error
    keys = KeySet(
        IssuerKeys(_post("ssm", clock), access.keys_parameter).fetch,
        algorithms=access.algorithms,
        clock=clock,
    )

    def check(header: str) -> Caller:
        claims = verified_claims(bearer_token(header), keys, access.algorithms)
        return checked_caller(claims, rules, clock.now().timestamp())

    return TokenCallers(check, clock=clock, skew_s=access.skew_s, pool=pool)


def _turns(
    settings: QuotaSettings | None,
    clock: Clock,
    pool: ThreadPoolExecutor,
    write: Callable[[str], object],
) -> tuple[Turns | None, Turns | None]:
    if settings is None:
        return None, None
    limits = TenantLimits(_post("ssm", clock, WAIT_S), QUOTAS_PARAMETER, clock, shed=SHED_PARAMETER)
    table = QuotaTable(_post("dynamodb", clock, WAIT_S), lambda: limits.table, clock)

    def counted(*, has_rate: bool) -> Quotas:
        return Quotas(limits, table, has_rate=has_rate, clock=clock, write=write)

    everything = counted(has_rate=True)
    everything.prepare(_post("ssm", clock))
    rest = everything if settings.has_rate else counted(has_rate=False)
    return Turns(rest, pool), Turns(everything, pool)


def _post(service: str, clock: Clock, timeout_s: float = START_S) -> Post:
    from falaj.aws.task_calls import TaskCalls  # noqa: PLC0415 - botocore, where AWS is called
    from falaj.config.calls import CallSettings  # noqa: PLC0415

    around = CallSettings.from_env(service)
    endpoint = around.endpoints.get(service, "")
    return TaskCalls(
        service, region=around.region, clock=clock, endpoint=endpoint, timeout_s=timeout_s
    ).post
