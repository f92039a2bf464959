"""Who is behind an event of API Gateway, as the gateway's own check has found out.

Sources, read 2026-11-22:
    docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html
    (`requestContext.authorizer.jwt.claims`, `.iam`); …/set-up-lambda-proxy-integrations.html
    (`requestContext.authorizer` holds what a Lambda authorizer said, `identity` who signed).
"""

from collections.abc import Mapping
from typing import Any

from falaj.contract import CONTEXT_EXPIRES, CONTEXT_SCOPES, CONTEXT_SUBJECT, CONTEXT_TENANT
from falaj.domain.access import AccessMode, Caller
from falaj.domain.claims import TENANT, caller_of
from falaj.errors import ForbiddenError, UnauthenticatedError


def caller_in(context: Mapping[str, Any], mode: AccessMode, tenant_claim: str) -> Caller:
    """Return who is behind a request.

    Args:
        context: The event's `requestContext`.
        mode: What the gateway has asked for.
        tenant_claim: Which claim of a token names the tenant.

    Raises:
        UnauthenticatedError: The gateway has found out nobody: it was left open.
        ForbiddenError: The caller acts for no tenant.
    """
    if mode is AccessMode.IAM:
        return _signer(context)
    found = context.get("authorizer")
    authorizer = found if isinstance(found, dict) else {}
    if isinstance(checked := authorizer.get("jwt"), dict):
        claims = checked.get("claims")
        if not isinstance(claims, dict):
            raise UnauthenticatedError("the gateway has handed on no claims")
        return caller_of(claims, tenant_claim)
    if CONTEXT_TENANT in authorizer:
        return _told(authorizer)
    raise UnauthenticatedError("the gateway has checked no token")


def _told(authorizer: Mapping[str, Any]) -> Caller:
    """Read what our own authorizer said; API Gateway makes a string of every value."""
    tenant = authorizer[CONTEXT_TENANT]
    if not isinstance(tenant, str) or not TENANT.fullmatch(tenant):
        raise ForbiddenError("the authorizer names no tenant")
    try:
        expires_at = float(authorizer[CONTEXT_EXPIRES])
    except (KeyError, TypeError, ValueError) as error:
        raise UnauthenticatedError("the authorizer does not say until when") from error
    return Caller(
        tenant=tenant,
        subject=str(authorizer.get(CONTEXT_SUBJECT, "")),
        scopes=frozenset(str(authorizer.get(CONTEXT_SCOPES, "")).split()),
        expires_at=expires_at,
    )


def _signer(context: Mapping[str, Any]) -> Caller:
    """Return who has signed; the account is the tenant."""
    authorizer = context.get("authorizer")
    iam = authorizer.get("iam") if isinstance(authorizer, dict) else None
    who = iam if isinstance(iam, dict) else context.get("identity")
    if not isinstance(who, dict) or not who.get("userArn") or not who.get("accountId"):
        raise UnauthenticatedError("the gateway has checked no signature")
    return Caller(tenant=str(who["accountId"]), subject=str(who["userArn"]))
