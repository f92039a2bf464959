"""What a client sees when the gateway itself must answer: one table per kind of API.

Sources, read 2026-11-22:
    docs.aws.amazon.com/apigateway/latest/developerguide/supported-gateway-response-types.html
    (403 MISSING_AUTHENTICATION_TOKEN, 413 REQUEST_TOO_LARGE, 504 INTEGRATION_TIMEOUT);
    …/http-api-quotas.html (10 MB, 30 s) and …/api-gateway-execution-service-limits-table.html
    (10 MB, 29 s);
    repost.aws question "Inconsistencies in response codes depending on whether API Gateway response
    settings are configured": a REST API answers 500 for a throttled function until
    INTEGRATION_FAILURE is customised;
    github.com/anomalyco/sst issue 2232: an HTTP API answers 503 when 30 s have passed.
    That an HTTP API answers 503 to a throttled function is reported by users, not documented.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any, Final

import orjson

from local_region.gateway.messages import ApiKind, Response


class Failure(StrEnum):
    """Why no function answers."""

    NO_ROUTE = "no route"
    TOO_LARGE = "request too large"
    HEADERS_TOO_LARGE = "headers too large"
    FUNCTION_ERROR = "function error or malformed answer"
    TIMEOUT = "integration timeout"
    THROTTLED = "function throttled"
    NOT_PERMITTED = "gateway may not invoke the function"
    UNAUTHORIZED = "nobody known"
    DENIED = "known, and denied"
    NOT_ALLOWED = "known, and not allowed"
    UNSIGNED = "not signed"
    BAD_SIGNATURE = "signed by nobody known"
    NOT_INVOKER = "signed by somebody whose policies do not let him"
    INVALID_KEY = "an API key that no plan counts"
    FILTERED = "refused by a web ACL"
    ENDPOINT_DISABLED = "asked for under a name that is disabled"
    OVER_LIMIT = "over the plan's rate or burst"
    AUTHORIZER_FAILED = "the authorizer failed"
    AUTHORIZER_MISCONFIGURED = "the authorizer cannot be asked or understood"


@dataclass(frozen=True, slots=True, kw_only=True)
class Sentence:
    """A status and message.

    Attributes:
        status: HTTP status.
        message: What is said; None where AWS says `null`.
        type: The REST API's gateway response.
        error_type: What `x-amzn-errortype` says.
        key: Under which the message stands.
    """

    status: int
    message: str | None
    type: str = ""
    error_type: str = ""
    key: str = "message"


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """What one refusal says beyond its kind: further headers, or a sentence of its own."""

    headers: tuple[tuple[str, str], ...] = ()
    message: str = ""


_NOTHING_MORE: Final = Said()


FAILURES: Final[dict[tuple[ApiKind, Failure], Sentence]] = {
    (ApiKind.HTTP, Failure.NO_ROUTE): Sentence(status=404, message="Not Found"),
    (ApiKind.HTTP, Failure.TOO_LARGE): Sentence(status=413, message="Request Entity Too Large"),
    (ApiKind.HTTP, Failure.HEADERS_TOO_LARGE): Sentence(
        status=431, message="Request Header Fields Too Large"
    ),
    (ApiKind.HTTP, Failure.FUNCTION_ERROR): Sentence(status=500, message="Internal Server Error"),
    (ApiKind.HTTP, Failure.TIMEOUT): Sentence(status=503, message="Service Unavailable"),
    (ApiKind.HTTP, Failure.THROTTLED): Sentence(status=503, message="Service Unavailable"),
    (ApiKind.HTTP, Failure.NOT_PERMITTED): Sentence(status=500, message="Internal Server Error"),
    (ApiKind.REST, Failure.NO_ROUTE): Sentence(
        status=403,
        message="Missing Authentication Token",
        type="MISSING_AUTHENTICATION_TOKEN",
        error_type="MissingAuthenticationTokenException",
    ),
    (ApiKind.REST, Failure.TOO_LARGE): Sentence(
        status=413, message="Request Entity Too Large", type="REQUEST_TOO_LARGE"
    ),
    (ApiKind.REST, Failure.HEADERS_TOO_LARGE): Sentence(
        status=431, message="Request Header Fields Too Large", type="DEFAULT_4XX"
    ),
    (ApiKind.REST, Failure.FUNCTION_ERROR): Sentence(
        status=502, message="Internal server error", type="DEFAULT_5XX"
    ),
    (ApiKind.REST, Failure.TIMEOUT): Sentence(
        status=504, message="Endpoint request timed out", type="INTEGRATION_TIMEOUT"
    ),
    (ApiKind.REST, Failure.THROTTLED): Sentence(
        status=500, message="Internal server error", type="INTEGRATION_FAILURE"
    ),
    (ApiKind.REST, Failure.NOT_PERMITTED): Sentence(
        status=500, message="Internal server error", type="DEFAULT_5XX"
    ),
    (ApiKind.HTTP, Failure.UNAUTHORIZED): Sentence(status=401, message="Unauthorized"),
    (ApiKind.HTTP, Failure.DENIED): Sentence(status=403, message="Forbidden"),
    (ApiKind.HTTP, Failure.UNSIGNED): Sentence(status=403, message="Forbidden"),
    (ApiKind.HTTP, Failure.BAD_SIGNATURE): Sentence(status=403, message="Forbidden"),
    (ApiKind.HTTP, Failure.NOT_INVOKER): Sentence(status=403, message="Forbidden"),
    (ApiKind.REST, Failure.UNAUTHORIZED): Sentence(
        status=401,
        message="Unauthorized",
        type="UNAUTHORIZED",
        error_type="UnauthorizedException",
    ),
    (ApiKind.REST, Failure.DENIED): Sentence(
        status=403,
        message="User is not authorized to access this resource with an explicit deny",
        type="ACCESS_DENIED",
        error_type="AccessDeniedException",
        key="Message",
    ),
    (ApiKind.REST, Failure.NOT_ALLOWED): Sentence(
        status=403,
        message="User is not authorized to access this resource",
        type="ACCESS_DENIED",
        error_type="AccessDeniedException",
        key="Message",
    ),
    (ApiKind.REST, Failure.UNSIGNED): Sentence(
        status=403,
        message="Missing Authentication Token",
        type="MISSING_AUTHENTICATION_TOKEN",
        error_type="MissingAuthenticationTokenException",
    ),
    (ApiKind.REST, Failure.BAD_SIGNATURE): Sentence(
        status=403,
        message="The request signature we calculated does not match",
        type="INVALID_SIGNATURE",
        error_type="InvalidSignatureException",
    ),
    (ApiKind.REST, Failure.NOT_INVOKER): Sentence(
        status=403,
        message="User is not authorized to perform: execute-api:Invoke",
        type="ACCESS_DENIED",
        error_type="AccessDeniedException",
        key="Message",
    ),
    (ApiKind.REST, Failure.INVALID_KEY): Sentence(
        status=403, message="Forbidden", type="INVALID_API_KEY", error_type="ForbiddenException"
    ),
    (ApiKind.REST, Failure.FILTERED): Sentence(
        status=403, message="Forbidden", type="WAF_FILTERED", error_type="ForbiddenException"
    ),
    (ApiKind.REST, Failure.ENDPOINT_DISABLED): Sentence(
        status=403, message="Forbidden", type="DEFAULT_4XX", error_type="ForbiddenException"
    ),
    (ApiKind.REST, Failure.OVER_LIMIT): Sentence(
        status=429,
        message="Too Many Requests",
        type="THROTTLED",
        error_type="TooManyRequestsException",
    ),
    (ApiKind.REST, Failure.AUTHORIZER_FAILED): Sentence(
        status=500,
        message=None,
        type="AUTHORIZER_FAILURE",
        error_type="AuthorizerFailureException",
    ),
    (ApiKind.REST, Failure.AUTHORIZER_MISCONFIGURED): Sentence(
        status=500,
        message=None,
        type="AUTHORIZER_CONFIGURATION_ERROR",
        error_type="AuthorizerConfigurationException",
    ),
}
"""`x-amzn-errortype` and the two spellings of `message` as users have seen them:
github.com/aws/chalice issue 971 (`Message`, AccessDeniedException), serverless/examples issue 305
(AuthorizerConfigurationException), auth0-samples/jwt-rsa-aws-custom-authorizer pull request 6
(`{"message":null}` of a failed authorizer)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CustomAnswer:
    """A gateway response that a REST API's author wrote."""

    status: int | None
    template: str | None
    headers: tuple[tuple[str, str], ...]


def failure_response(
    kind: ApiKind,
    failure: Failure,
    *,
    request_id: str,
    custom: Mapping[str, CustomAnswer] | None = None,
    said: Said = _NOTHING_MORE,
) -> Response:
    """Return what API Gateway answers."""
    sentence = FAILURES[kind, failure]
    if said.message and kind is ApiKind.REST:
        sentence = replace(sentence, message=said.message)
    more = (
        *said.headers,
        *((("x-amzn-errortype", sentence.error_type),) if sentence.error_type else ()),
    )
    default = "DEFAULT_4XX" if sentence.status < 500 else "DEFAULT_5XX"  # noqa: PLR2004
    written = (custom or {}).get(sentence.type) or (custom or {}).get(default)
    body = orjson.dumps({sentence.key: sentence.message})
    if written is None:
        return Response(
            status=sentence.status,
            headers=(("content-type", "application/json"), *more),
            body=body,
        )
    if written.template is not None:
        body = _fill(written.template, sentence, request_id).encode()
    return Response(
        status=written.status or sentence.status,
        headers=(("content-type", "application/json"), *written.headers, *more),
        body=body,
    )


def _fill(template: str, sentence: Sentence, request_id: str) -> str:
    values = {
        "$context.error.messageString": orjson.dumps(sentence.message).decode(),
        "$context.error.message": sentence.message or "",
        "$context.error.responseType": sentence.type,
        "$context.requestId": request_id,
    }
    for name, value in values.items():
        template = template.replace(name, value)
    return template


def read_custom_answers(value: Mapping[str, Any]) -> dict[str, CustomAnswer]:
    """Read `x-amazon-apigateway-gateway-responses`.

    Raises:
        ValueError: A template or header uses what is not known here.
    """
    return {
        name: CustomAnswer(
            status=int(answer["statusCode"]) if "statusCode" in answer else None,
            template=answer.get("responseTemplates", {}).get("application/json"),
            headers=tuple(
                (_header_name(key), _literal(text))
                for key, text in answer.get("responseParameters", {}).items()
            ),
        )
        for name, answer in value.items()
    }


def _header_name(parameter: str) -> str:
    prefix = "gatewayresponse.header."
    if not parameter.startswith(prefix):
        raise ValueError(f"the response parameter {parameter!r} is not known here")
    return parameter.removeprefix(prefix).lower()


def _literal(text: str) -> str:
    if len(text) < 2 or text[0] != "'" or text[-1] != "'":  # noqa: PLR2004 - two quotes
        raise ValueError(f"only quoted literals are known as header values here, not {text!r}")
    return text[1:-1]
