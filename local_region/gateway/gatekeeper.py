"""Who is let through to a route: the checks that API Gateway makes before it invokes a function.

Sources, read 2026-11-22:
    docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-lambda-authorizer-input.html
    (TOKEN events), …-output.html (policy, context, usageIdentifierKey; a function that fails with
    the word Unauthorized means 401, any other failure 500), …/http-api-jwt-authorizer.html,
    …/api-gateway-api-key-source.html. Answers of authorizers are kept by token, failures are not.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from falaj.domain.clock import Clock
from local_region.gateway.arrival import NOBODY_ASKED, Admission, Arrival
from local_region.gateway.execute_policy import INVOKE, Ruling, ruling
from local_region.gateway.failures import Failure
from local_region.gateway.guards import FunctionGuard, Guard, JwtGuard, SignedGuard
from local_region.gateway.jwt_check import (
    TokenRefusedError,
    as_strings,
    checked_claims,
    scopes_of,
)
from local_region.gateway.lambda_invocation import Invocation, Invoke, Outcome
from local_region.gateway.messages import ApiKind, Request
from local_region.gateway.registry import Addressed
from local_region.gateway.signatures import SignatureRefusedError, signer_of
from local_region.gateway.signers import FindSigner, Signer, nobody
from local_region.gateway.usage_plans import Counted, UsagePlans
from local_region.waf.firewall import Firewall

KEPT_ANSWERS: Final = 10_000
UNAUTHORIZED: Final = "Unauthorized"


class RefusedError(Exception):
    """The gateway answers itself.

    Attributes:
        failure: What it answers.
        headers: What it adds.
        message: What it says in place of the usual sentence; empty for the usual one.
    """

    def __init__(
        self, failure: Failure, *, headers: tuple[tuple[str, str], ...] = (), message: str = ""
    ) -> None:
        super().__init__(failure.value)
        self.failure, self.headers, self.message = failure, headers, message


@dataclass(frozen=True, slots=True)
class _Kept:
    until: float
    answer: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Trusted:
    """Whom this region believes.

    Attributes:
        issuers: Key sets by issuer.
        signers: Finds whose an access key is.
    """

    issuers: Mapping[str, str] = field(default_factory=dict)
    signers: FindSigner = nobody


class Gatekeeper:
    """Checks requests before they are routed on.

    Args:
        trusted: Whose tokens and signatures count.
        invoke: Invokes an authorizer.
        allows: Whether an authorizer's policy lets the gateway.
        plans: Count requests by API key.
        clock: Tells the time.
        region: For which requests are signed.
        firewall: Web ACLs before stages; nothing by default.
    """

    def __init__(
        self,
        *,
        trusted: Trusted,
        invoke: Invoke,
        allows: Callable[[str, str], bool],
        plans: UsagePlans,
        clock: Clock,
        region: str,
        firewall: Firewall | None = None,
    ) -> None:
        self._firewall = firewall or Firewall()
        self._trusted, self._invoke, self._allows = trusted, invoke, allows
        self._plans, self._clock, self._region = plans, clock, region
        self._kept: dict[tuple[str, str, str, str], _Kept] = {}

    def screen(self, request: Request, addressed: Addressed) -> None:
        """Let pass what a web ACL does; API Gateway asks it before anything else.

        Raises:
            RefusedError: It refuses the request.

        Source:
            docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-control-access-aws-waf.html
            ("evaluated before other access control features"), read 2026-11-22.
        """
        api, stage = addressed.api.id, addressed.stage.name
        if not self._firewall.lets_pass(api, stage, request, self._now()):
            raise RefusedError(Failure.FILTERED)

    async def admit(self, arrival: Arrival, method_arn: str) -> Admission:
        """Say who is behind a request.

        Args:
            arrival: The request and its route.
            method_arn: ARN of what is asked, as sent.

        Raises:
            RefusedError: Nobody who may.
        """
        guard = arrival.match.route.guard
        if guard.check is None and not guard.needs_key:
            return NOBODY_ASKED
        key = ""
        match guard.check:
            case SignedGuard():
                admission = self._signed(arrival, method_arn)
            case JwtGuard() as check:
                admission = self._token(arrival.request, check)
            case FunctionGuard() as check:
                answer = await self._answer(arrival, check, method_arn)
                admission = _admitted(answer, method_arn)
                key = str(answer.get("usageIdentifierKey") or "")
            case _:
                admission = NOBODY_ASKED
        return self._counted(arrival, guard, admission, key) if guard.needs_key else admission

    def _now(self) -> float:
        return self._clock.now().timestamp()

    def _signed(self, arrival: Arrival, method_arn: str) -> Admission:
        trusted, now = self._trusted.signers, self._now()
        try:
            signer = signer_of(arrival.request, trusted, self._region, now)
        except SignatureRefusedError as error:
            failure = Failure.UNSIGNED if error.is_missing else Failure.BAD_SIGNATURE
            raise RefusedError(failure, message=str(error)) from error
        said = signer.ruling(method_arn)
        if said is not Ruling.ALLOWED:
            raise RefusedError(Failure.NOT_INVOKER, message=_not_invoker(signer, said, method_arn))
        known = {"accessKey": signer.access_key, "accountId": arrival.account}
        if arrival.addressed.definition.kind is ApiKind.REST:
            who = {"caller": signer.id, "user": signer.id, "userArn": signer.arn}
            return Admission(identity={**known, **who})
        who = {"callerId": signer.id, "userArn": signer.arn, "userId": signer.id}
        return Admission(authorizer={"iam": {**known, **who}})

    def _token(self, request: Request, guard: JwtGuard) -> Admission:
        header = _only(request, guard.header)
        if not header:
            raise RefusedError(Failure.UNAUTHORIZED, headers=(("www-authenticate", "Bearer"),))
        keys = self._trusted.issuers.get(guard.issuer, "")
        try:
            claims = checked_claims(header, guard, keys, self._now())
        except TokenRefusedError as error:
            raise RefusedError(
                Failure.UNAUTHORIZED, headers=(_told("", "invalid_token", str(error)),)
            ) from error
        scopes = scopes_of(claims)
        if guard.scopes and not set(scopes) & set(guard.scopes):
            wanted = " ".join(guard.scopes)
            why = "the token does not have a required scope"
            raise RefusedError(Failure.DENIED, headers=(_told(wanted, "insufficient_scope", why),))
        told = scopes if guard.scopes else None
        return Admission(authorizer={"jwt": {"claims": as_strings(claims), "scopes": told}})

    async def _answer(
        self, arrival: Arrival, guard: FunctionGuard, method_arn: str
    ) -> Mapping[str, Any]:
        token = _only(arrival.request, guard.header)
        if not token or (guard.pattern and not guard.pattern.search(token)):
            raise RefusedError(Failure.UNAUTHORIZED)
        addressed = arrival.addressed
        key = (addressed.api.id, addressed.stage.name, guard.name, token)
        kept = self._kept.get(key)
        if kept is not None and self._now() < kept.until:
            return kept.answer
        answer = await self._asked(arrival, guard, token, method_arn)
        if guard.ttl_s:
            if len(self._kept) >= KEPT_ANSWERS:
                self._kept.pop(next(iter(self._kept)))
            self._kept[key] = _Kept(self._now() + guard.ttl_s, answer)
        return answer

    async def _asked(
        self, arrival: Arrival, guard: FunctionGuard, token: str, method_arn: str
    ) -> Mapping[str, Any]:
        api_arn = method_arn.partition("/")[0]
        if not guard.has_credentials and not self._allows(guard.function_arn, api_arn):
            raise RefusedError(Failure.AUTHORIZER_MISCONFIGURED)
        event = {"type": "TOKEN", "authorizationToken": token, "methodArn": method_arn}
        trace = arrival.request.header("x-amzn-trace-id")
        payload = json.dumps(event).encode()
        invocation = await self._invoke(guard.function_arn, payload, arrival.request_id, trace)
        return _understood(invocation)

    def _counted(self, arrival: Arrival, guard: Guard, admission: Admission, key: str) -> Admission:
        value = key if guard.key_from_authorizer else arrival.request.header("x-api-key")
        addressed = arrival.addressed
        match self._plans.count(value, addressed.api.id, addressed.stage.name):
            case Counted.UNKNOWN:
                raise RefusedError(Failure.INVALID_KEY)
            case Counted.THROTTLED:
                raise RefusedError(Failure.OVER_LIMIT)
            case Counted.PASSED:
                identity = {**admission.identity, "apiKey": value}
                return Admission(authorizer=admission.authorizer, identity=identity)


def _only(request: Request, name: str) -> str:
    """Return a header's value; nothing where there are several, of which one would be believed."""
    values = list(request.header_values(name))
    return values[0] if len(values) == 1 else ""


def _not_invoker(signer: Signer, said: Ruling, method_arn: str) -> str:
    """Say what AWS says, the account's first digits left out as AWS does."""
    why = (
        "with an explicit deny"
        if said is Ruling.DENIED
        else f"because no identity-based policy allows the {INVOKE} action"
    )
    parts = method_arn.split(":")
    parts[4] = f"********{parts[4][-4:]}"
    asked = f"{INVOKE} on resource: {':'.join(parts)}"
    return f"User: {signer.arn} is not authorized to perform: {asked} {why}"


def _told(scope: str, error: str, description: str) -> tuple[str, str]:
    text = f'Bearer scope="{scope}" error="{error}" error_description="{description}"'
    return ("www-authenticate", text)


def _understood(invocation: Invocation) -> Mapping[str, Any]:
    try:
        answer = json.loads(invocation.payload or b"null")
    except ValueError:
        answer = None
    if invocation.outcome is Outcome.FUNCTION_ERROR:
        message = answer.get("errorMessage") if isinstance(answer, dict) else None
        is_word = message == UNAUTHORIZED
        raise RefusedError(Failure.UNAUTHORIZED if is_word else Failure.AUTHORIZER_FAILED)
    if invocation.outcome is not Outcome.ANSWERED:
        raise RefusedError(Failure.AUTHORIZER_FAILED)
    if not isinstance(answer, dict) or not isinstance(answer.get("policyDocument"), dict):
        raise RefusedError(Failure.AUTHORIZER_MISCONFIGURED)
    if not answer.get("principalId") or not _is_flat(answer.get("context")):
        raise RefusedError(Failure.AUTHORIZER_MISCONFIGURED)
    return answer


def _is_flat(context: object) -> bool:
    """Whether a context holds strings, numbers and booleans only, as API Gateway demands."""
    if context is None:
        return True
    return isinstance(context, dict) and all(
        isinstance(value, str | int | float) for value in context.values()
    )


def _admitted(answer: Mapping[str, Any], method_arn: str) -> Admission:
    try:
        said = ruling(answer["policyDocument"], method_arn)
    except ValueError as error:
        raise RefusedError(Failure.AUTHORIZER_MISCONFIGURED) from error
    if said is Ruling.DENIED:
        raise RefusedError(Failure.DENIED)
    if said is Ruling.UNSAID:
        raise RefusedError(Failure.NOT_ALLOWED)
    context = {
        name: json.dumps(value) if isinstance(value, bool) else str(value)
        for name, value in (answer.get("context") or {}).items()
    }
    known = {"principalId": answer["principalId"], "integrationLatency": 0}
    return Admission(authorizer={**known, **context})
