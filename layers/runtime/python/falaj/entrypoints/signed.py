"""A function's calls of AWS without boto3, put together from its environment."""

from falaj.aws.signed_calls import TIMEOUT_S, Credentials, SignedCalls
from falaj.config.calls import CallSettings
from falaj.domain.clock import Clock


def calls_of(
    settings: CallSettings, service: str, clock: Clock, *, timeout_s: float = TIMEOUT_S
) -> SignedCalls:
    """Return what calls one service.

    Args:
        settings: Where it answers, and as whom it is called.
        service: Its signing name.
        clock: Dates signatures.
        timeout_s: For connecting, and for each answer.
    """
    return SignedCalls(
        service,
        region=settings.region,
        credentials=Credentials(*settings.credentials),
        clock=clock,
        endpoint=settings.endpoints.get(service, ""),
        timeout_s=timeout_s,
    )
