"""The AWS Lambda REST API over the service, so that an unmodified boto3 client works.

Source: paths, members and status codes from botocore's lambda/2015-03-31/service-2.json, botocore
1.44.5.
"""

import base64
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, cast
from urllib.parse import parse_qsl, unquote

import orjson

from local_region.lambda_service.refusals import (
    ConstraintError,
    InvalidRequestContentError,
    LambdaApiError,
    enum_of,
)
from local_region.lambda_service.rest_operations import OPERATIONS, Operations
from local_region.lambda_service.service import LambdaService
from local_region.lambda_service.values import InvocationType, InvokeResult

RestReply = tuple[int, dict[str, str], bytes]
_INVOKE: Final = re.compile(r"/2015-03-31/functions/([^/]+)/invocations/?")
_INVOCATION_TYPES: Final = ("Event", "RequestResponse", "DryRun")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Request:
    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes


class RestApi:
    """Answers the Lambda API's requests.

    Args:
        service: Does what they ask for.
    """

    def __init__(self, service: LambdaService) -> None:
        self._service = service
        self._operations = Operations(service)

    async def handle(
        self, method: str, path: str, query: str, headers: Mapping[str, str], body: bytes
    ) -> RestReply:
        """Answer one request; a refusal becomes AWS's error answer.

        Args:
            method: HTTP method.
            path: Path as sent, percent-encoded.
            query: Query string as sent, without `?`.
            headers: Header names in any case.
            body: Request body.

        Returns:
            Status, headers and body.
        """
        request = _Request(
            method=method,
            path=path,
            query=dict(parse_qsl(query, keep_blank_values=True)),
            headers={name.lower(): value for name, value in headers.items()},
            body=body,
        )
        try:
            invocation = _INVOKE.fullmatch(path)
            if invocation and method == "POST":
                return await self._invoke(unquote(invocation[1]), request)
            return self._operate(request)
        except LambdaApiError as refusal:
            return _refused(refusal)
        except KeyError as missing:
            member = missing.args[0]
            return _refused(
                ConstraintError(value="null", member=member, constraint="Member must not be null")
            )

    async def _invoke(self, function: str, request: _Request) -> RestReply:
        kind = request.headers.get("x-amz-invocation-type", "RequestResponse")
        if kind not in _INVOCATION_TYPES:
            raise ConstraintError(
                value=kind, member="invocationType", constraint=enum_of(_INVOCATION_TYPES)
            )
        result = await self._service.invoke(
            function,
            request.query.get("Qualifier"),
            request.body,
            invocation_type=cast(InvocationType, kind),
            trace=request.headers.get("x-amzn-trace-id"),
            client_context=_client_context(request.headers.get("x-amz-client-context")),
        )
        wants_log = request.headers.get("x-amz-log-type", "None") == "Tail"
        return result.status_code, _invoke_headers(result, wants_log=wants_log), result.payload

    def _operate(self, request: _Request) -> RestReply:
        for operation in OPERATIONS:
            match = operation.path.fullmatch(request.path)
            if match and operation.method == request.method:
                act = cast(
                    "Callable[..., Mapping[str, Any] | None]",
                    getattr(self._operations, operation.name),
                )
                names = [unquote(group) for group in match.groups()]
                shape = act(*names, request.query, _members(request.body))
                content = b"" if shape is None else orjson.dumps(shape)
                return operation.status, {"content-type": "application/json"}, content
        message = f"The local Lambda API does not know {request.method} {request.path}"
        return (
            404,
            {"content-type": "application/json", "x-amzn-errortype": "UnknownOperationException"},
            orjson.dumps({"message": message}),
        )


def _members(body: bytes) -> dict[str, Any]:
    if not body:
        return {}
    try:
        members = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise InvalidRequestContentError(
            f"Could not parse request body into json: {error}"
        ) from error
    if not isinstance(members, dict):
        raise InvalidRequestContentError("Could not parse request body into json: not an object")
    return members


def _client_context(header: str | None) -> str | None:
    if header is None:
        return None
    try:
        return base64.b64decode(header, validate=True).decode()
    except ValueError as error:
        raise InvalidRequestContentError("Client context must be base64 of JSON") from error


def _invoke_headers(result: InvokeResult, *, wants_log: bool) -> dict[str, str]:
    headers = {"content-type": "application/json", "x-amzn-requestid": result.request_id}
    if result.executed_version:
        headers["x-amz-executed-version"] = result.executed_version
    if result.function_error:
        headers["x-amz-function-error"] = result.function_error
    if wants_log and result.log_tail:
        headers["x-amz-log-result"] = base64.b64encode(result.log_tail.encode()).decode()
    return headers


def _refused(refusal: LambdaApiError) -> RestReply:
    headers = {"content-type": "application/json", "x-amzn-errortype": refusal.aws_code}
    return refusal.http_status, headers, orjson.dumps(refusal.body())
