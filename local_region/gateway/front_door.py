"""The gateway: from a request to a function and back, refusing what API Gateway refuses."""

import asyncio
import random
import uuid
from base64 import b64encode
from collections.abc import Callable
from dataclasses import replace
from typing import Final
from urllib.parse import unquote

import orjson

from falaj.domain.clock import Clock
from local_region.gateway.answers import (
    MalformedAnswerError,
    answer_from_format_1,
    answer_from_format_2,
)
from local_region.gateway.arrival import Arrival
from local_region.gateway.domains import OWN_NAME
from local_region.gateway.events import event_for
from local_region.gateway.failures import Failure, Said, failure_response
from local_region.gateway.forwarding import Forward, forwarded
from local_region.gateway.gatekeeper import Gatekeeper, RefusedError, Trusted
from local_region.gateway.lambda_invocation import Invocation, Invoke, Outcome
from local_region.gateway.messages import ApiKind, Request, Response
from local_region.gateway.registry import Addressed, ApiRegistry
from local_region.gateway.route import Match, PrivateTarget
from local_region.gateway.usage_plans import UsagePlans
from local_region.listener import Limits
from local_region.patience import Patience, is_done_within

API_LIMITS: Final = Limits(header_bytes=10_240, body_bytes=10 * 1024 * 1024)
"""Largest request line with headers and largest body, of both kinds of API.

Source: http-api-quotas.html and api-gateway-execution-service-limits-table.html ("Total combined
size of request line and header values 10240 bytes", "Payload size 10 MB"), read 2026-11-22.
"""

HEADER_EXECUTED_VERSION: Final = "x-amz-executed-version"
"""Which Lambda version answered. Lambda's Invoke sends it; API Gateway does not pass it on, so on
AWS only the runtime's own `x-falaj-release` says so. The local gateway adds it to every answer of
a function, failed ones included."""


Allows = Callable[[str, str], bool]
"""Function ARN and the route's execute-api ARN → whether the function's policy lets the gateway."""


class FrontDoor:
    """Serves every API of the region.

    Args:
        apis: What is defined and deployed.
        invoke: Invokes a function.
        allows: Whether a function's policy lets the gateway.
        gatekeeper: Checks who calls; without one nobody is known.
        clock: Tells the time.
        rng: Names requests.
        account: Account id in ARNs.
        region: Region in ARNs.
        forward: Sends a request to a load balancer, if there are any.
        held_up: Says how many seconds the machine has held up an invocation, by its request id;
            they do not count as waiting.
    """

    def __init__(  # noqa: PLR0913 - the edges of the gateway, all named
        self,
        *,
        apis: ApiRegistry,
        invoke: Invoke,
        allows: Allows,
        gatekeeper: Gatekeeper | None = None,
        clock: Clock,
        rng: random.Random,
        account: str,
        region: str,
        forward: Forward | None = None,
        held_up: Callable[[str], float] = lambda _: 0.0,
    ) -> None:
        self._apis = apis
        self._forward, self._held_up = forward, held_up
        self._invoke = invoke
        self._allows = allows
        # Without one nobody is known: guarded routes refuse everyone.
        self._gatekeeper = gatekeeper or Gatekeeper(
            trusted=Trusted(),
            invoke=invoke,
            allows=allows,
            plans=UsagePlans(clock),
            clock=clock,
            region=region,
        )
        self._clock = clock
        self._rng = rng
        self._account = account
        self._region = region
        self._running: set[asyncio.Task[Invocation]] = set()

    async def answer(self, request: Request, *, entrance: str | None = None) -> Response:
        """Answer one request.

        Args:
            request: As it was sent.
            entrance: The name by which it came; None for callers in this process, who need none.
        """
        request_id, extended_id = self._ids()
        if entrance:
            addressed = self._apis.behind(entrance, request.path)
        else:
            addressed = self._apis.address(request.header("host"), request.path)
        if addressed is None:
            return _identified(
                failure_response(ApiKind.HTTP, Failure.NO_ROUTE, request_id=request_id),
                ApiKind.HTTP,
                request_id,
                extended_id,
            )
        definition = addressed.definition
        if entrance == OWN_NAME and addressed.api.is_own_name_disabled:
            refusal = failure_response(
                definition.kind, Failure.ENDPOINT_DISABLED, request_id=request_id
            )
            return _identified(refusal, definition.kind, request_id, extended_id)
        cors = definition.cors
        response = cors.preflight(request) if cors else None
        if response is None:
            response = await self._route(request, addressed, request_id, extended_id)
            response = cors.applied(response, request) if cors else response
        return _identified(response, definition.kind, request_id, extended_id)

    def refuse(self, host: str, path: str, *, is_body: bool) -> Response:
        """Answer a request whose body, or else whose headers, are too large."""
        failure = Failure.TOO_LARGE if is_body else Failure.HEADERS_TOO_LARGE
        request_id, extended_id = self._ids()
        addressed = self._apis.address(host, path)
        kind = ApiKind.HTTP if addressed is None else addressed.definition.kind
        return _identified(
            failure_response(kind, failure, request_id=request_id), kind, request_id, extended_id
        )

    async def drain(self) -> None:
        """Wait for invocations whose clients have stopped waiting."""
        await asyncio.gather(*self._running, return_exceptions=True)

    async def _route(
        self, request: Request, addressed: Addressed, request_id: str, extended_id: str
    ) -> Response:
        definition = addressed.definition
        said = Said()
        try:
            outcome = await self._matched(request, addressed, request_id, extended_id)
        except RefusedError as refused:
            outcome = refused.failure
            said = Said(headers=refused.headers, message=refused.message)
        if isinstance(outcome, Response):
            return outcome
        return failure_response(
            definition.kind, outcome, request_id=request_id, custom=definition.answers, said=said
        )

    async def _matched(
        self, request: Request, addressed: Addressed, request_id: str, extended_id: str
    ) -> Response | Failure:
        """Find the route and have it answer.

        Raises:
            RefusedError: The gateway answers itself.
        """
        self._gatekeeper.screen(request, addressed)
        definition = addressed.definition
        match = definition.table.match(
            request.method,
            addressed.path if definition.kind is ApiKind.REST else unquote(addressed.path),
        )
        if match is None:
            return Failure.NO_ROUTE
        arrival = self._arrival(request, addressed, match, request_id, extended_id)
        admission = await self._gatekeeper.admit(arrival, self._method_arn(arrival))
        return await self._integrate(replace(arrival, admission=admission))

    async def _integrate(self, arrival: Arrival) -> Response | Failure:
        integration = arrival.match.route.integration
        if integration.private is not None:
            return await self._forwarded(arrival, integration.private)
        if not integration.has_credentials and not self._allows(
            integration.function_arn, self._route_arn(arrival)
        ):
            return Failure.NOT_PERMITTED
        trace = arrival.request.header("x-amzn-trace-id")
        invocation_id = str(uuid.UUID(int=self._rng.getrandbits(128), version=4))
        call = asyncio.ensure_future(
            self._invoke(
                integration.function_arn, orjson.dumps(event_for(arrival)), invocation_id, trace
            )
        )
        self._running.add(call)
        call.add_done_callback(self._running.discard)
        # A gateway that stops waiting does not stop the function.
        patience = Patience(integration.timeout_ms / 1000, lambda: self._held_up(invocation_id))
        if not await is_done_within(call, patience):
            return Failure.TIMEOUT
        return _understood(call.result(), arrival)

    async def _forwarded(self, arrival: Arrival, target: PrivateTarget) -> Response | Failure:
        if self._forward is None:
            return Failure.TIMEOUT
        timeout_s = arrival.match.route.integration.timeout_ms / 1000
        try:
            async with asyncio.timeout(timeout_s):
                return await self._forward(target.arn, forwarded(arrival, target))
        except TimeoutError:
            return Failure.TIMEOUT

    def _arrival(
        self,
        request: Request,
        addressed: Addressed,
        match: Match,
        request_id: str,
        extended_id: str,
    ) -> Arrival:
        at = self._clock.now()
        forwarded = request.header("x-forwarded-for")
        chain = f"{forwarded}, {request.source_ip}" if forwarded else request.source_ip
        replaced = {"x-forwarded-for", "x-forwarded-port", "x-forwarded-proto"}
        trace = f"Root=1-{int(at.timestamp()):08x}-{self._rng.getrandbits(96):024x}"
        has_trace = bool(request.header("x-amzn-trace-id"))
        headers = (
            *(pair for pair in request.headers if pair[0] not in replaced),
            *(() if has_trace else (("x-amzn-trace-id", trace),)),
            ("x-forwarded-for", chain),
            ("x-forwarded-port", request.header("host").partition(":")[2] or "80"),
            ("x-forwarded-proto", "http"),
        )
        return Arrival(
            request=replace(request, headers=headers),
            addressed=addressed,
            match=match,
            request_id=request_id,
            extended_id=extended_id,
            account=self._account,
            at=at,
        )

    def _route_arn(self, arrival: Arrival) -> str:
        api, stage = arrival.addressed.api.id, arrival.addressed.stage.name
        return (
            f"arn:aws:execute-api:{self._region}:{self._account}:{api}/{stage}"
            f"/{arrival.request.method}{arrival.match.route.template}"
        )

    def _method_arn(self, arrival: Arrival) -> str:
        """Return what is asked, by the path as sent; what an authorizer's policy is about."""
        api, stage = arrival.addressed.api.id, arrival.addressed.stage.name
        return (
            f"arn:aws:execute-api:{self._region}:{self._account}:{api}/{stage}"
            f"/{arrival.request.method}{arrival.addressed.path}"
        )

    def _ids(self) -> tuple[str, str]:
        """Return a request id and an extended id; an HTTP API has but one, of the second form."""
        request_id = str(uuid.UUID(int=self._rng.getrandbits(128), version=4))
        return request_id, b64encode(self._rng.randbytes(11)).decode()


def _understood(invocation: Invocation, arrival: Arrival) -> Response | Failure:
    match invocation.outcome:
        case Outcome.THROTTLED:
            return Failure.THROTTLED
        case Outcome.TOO_LARGE:
            return Failure.TOO_LARGE
        case Outcome.MISSING:
            return Failure.NOT_PERMITTED
        case Outcome.FUNCTION_ERROR:
            return _with_version(
                _failed(arrival, Failure.FUNCTION_ERROR), invocation.executed_version
            )
        case Outcome.ANSWERED:
            try:
                response = _read(invocation.payload, arrival)
            except MalformedAnswerError:
                response = _failed(arrival, Failure.FUNCTION_ERROR)
            return _with_version(response, invocation.executed_version)


def _read(payload: bytes, arrival: Arrival) -> Response:
    definition = arrival.addressed.definition
    if arrival.match.route.integration.payload_format == "2.0":
        return answer_from_format_2(payload)
    is_rest = definition.kind is ApiKind.REST
    return answer_from_format_1(
        payload, arrival.request, definition.binary_media_types if is_rest else None
    )


def _failed(arrival: Arrival, failure: Failure) -> Response:
    definition = arrival.addressed.definition
    return failure_response(
        definition.kind, failure, request_id=arrival.request_id, custom=definition.answers
    )


def _with_version(response: Response, version: str) -> Response:
    if not version:
        return response
    return Response(
        status=response.status,
        headers=(*response.headers, (HEADER_EXECUTED_VERSION, version)),
        body=response.body,
    )


def _identified(response: Response, kind: ApiKind, request_id: str, extended_id: str) -> Response:
    ids = (
        (("apigw-requestid", extended_id),)
        if kind is ApiKind.HTTP
        else (("x-amzn-requestid", request_id), ("x-amz-apigw-id", extended_id))
    )
    return Response(status=response.status, headers=(*response.headers, *ids), body=response.body)
