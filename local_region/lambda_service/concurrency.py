"""Reserved and provisioned concurrency: who may run how many environments at once."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from local_region.lambda_service.refusals import InvalidParameterValueError, TooManyRequestsError

# docs.aws.amazon.com/lambda/latest/dg/lambda-concurrency.html, read 2026-11-22: 1,000 concurrent
# executions per account and region by default, of which 100 always stay unreserved.
ACCOUNT_CONCURRENCY: Final = 1000
SMALLEST_UNRESERVED: Final = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Limits of the account and of the execution environment.

    Args:
        account_concurrency: Concurrent executions of all functions together.
        init_phase_s: How long an on-demand environment may take before its first invocation;
            past it the Init phase is run again as part of the invocation.
        keep_alive_s: How long an idle environment lives. AWS does not publish its figure.

    Source:
        docs.aws.amazon.com/lambda/latest/dg/lambda-runtime-environment.html, "Init phase": "limited
        to 10 seconds"; read 2026-11-22.
    """

    account_concurrency: int = ACCOUNT_CONCURRENCY
    init_phase_s: float = 10.0
    keep_alive_s: float = 300.0


@dataclass(slots=True, kw_only=True)
class Share:
    """What one function reserved and provisioned, by qualifier."""

    reserved: int | None
    provisioned: Mapping[str, int]

    @property
    def provisioned_total(self) -> int:
        """Provisioned environments over all qualifiers."""
        return sum(self.provisioned.values())

    @property
    def claimed(self) -> int:
        """What the function takes out of the account's unreserved pool."""
        return self.provisioned_total if self.reserved is None else self.reserved


def check_reserved(wanted: int, share: Share, *, claimed_by_others: int, limits: Limits) -> None:
    """Refuse a reservation below what is provisioned, or that starves the rest of the account.

    Source:
        localstack's test_lambda.snapshot.json (test_reserved_provisioned_overlap) and
        test_lambda_api.snapshot.json (test_function_concurrency_limits).
    """
    if wanted < share.provisioned_total:
        raise InvalidParameterValueError(
            f" ReservedConcurrentExecutions  {wanted} should not be lower than function's total "
            f"provisioned concurrency [{share.provisioned_total}]."
        )
    if limits.account_concurrency - claimed_by_others - wanted < smallest_unreserved(limits):
        raise InvalidParameterValueError(
            "Specified ReservedConcurrentExecutions for function decreases account's "
            "UnreservedConcurrentExecution below its minimum value of "
            f"[{smallest_unreserved(limits)}]."
        )


def check_provisioned(
    wanted: int, others: int, share: Share, *, claimed_by_others: int, limits: Limits
) -> None:
    """Refuse provisioned concurrency beyond the function's reservation or the account's pool.

    Args:
        wanted: Environments asked for.
        others: Environments provisioned for the function's other qualifiers.
        share: The function's present share.
        claimed_by_others: What other functions reserved or provisioned.
        limits: The account's limits.

    Source:
        localstack's test_lambda.snapshot.json (test_reserved_provisioned_overlap) and
        test_lambda_api.snapshot.json (test_provisioned_concurrency_limits).
    """
    if share.reserved is not None:
        if wanted + others > share.reserved:
            raise InvalidParameterValueError(
                "Requested Provisioned Concurrency should not be greater than the "
                "reservedConcurrentExecution for function"
            )
        return
    unreserved = limits.account_concurrency - claimed_by_others - others
    if wanted > unreserved:
        raise InvalidParameterValueError(
            "Specified ConcurrentExecutions for function is greater than account's unreserved "
            f"concurrency [{unreserved}]."
        )
    if unreserved - wanted < smallest_unreserved(limits):
        raise InvalidParameterValueError(
            "Specified ConcurrentExecutions for function decreases account's "
            "UnreservedConcurrentExecution below its minimum value of "
            f"[{smallest_unreserved(limits)}]."
        )


def check_admission(
    share: Share, *, on_demand: int, unreserved_on_demand: int, unreserved: int
) -> None:
    """Refuse an on-demand invocation when every environment it might use is busy.

    Args:
        share: The function's share.
        on_demand: The function's invocations in flight outside provisioned environments.
        unreserved_on_demand: The same, over all functions without a reservation.
        unreserved: The account's concurrency that nobody reserved or provisioned.

    Raises:
        TooManyRequestsError: 429, with AWS's reason.
    """
    if share.reserved is not None:
        if on_demand >= share.reserved - share.provisioned_total:
            raise TooManyRequestsError("ReservedFunctionConcurrentInvocationLimitExceeded")
    elif unreserved_on_demand >= unreserved:
        raise TooManyRequestsError("ConcurrentInvocationLimitExceeded")


def smallest_unreserved(limits: Limits) -> int:
    """Return what must stay unreserved: 100 of the default 1,000, a tenth of a smaller account."""
    return min(SMALLEST_UNRESERVED, limits.account_concurrency // 10)
