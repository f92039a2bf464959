"""The events that API Gateway hands to functions, field for field.

Sources, read 2026-11-22:
    docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html
    (formats 1.0 and 2.0) and …/set-up-lambda-proxy-integrations.html (REST).
    Paths: HTTP APIs deliver them percent-decoded, REST APIs as sent; queries stay encoded in
    `rawQueryString` (captures in github.com/middleapi/standard-server pull request 93,
    ministackorg/ministack issue 1035).
    Bodies of HTTP APIs: text only for text/*, application/json, application/xml and
    application/javascript, base64 for everything else, also without a content type (measured on
    AWS, ministackorg/ministack pull request 766). REST: base64 where the content type matches
    `binaryMediaTypes` (pull request 767).
"""

from base64 import b64encode
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, Final
from urllib.parse import parse_qsl, unquote

from local_region.gateway.arrival import Arrival
from local_region.gateway.client_certificates import client_certificate
from local_region.gateway.messages import ApiKind, Request

_TEXT_TYPES: Final = frozenset({"application/json", "application/xml", "application/javascript"})
_TIME: Final = "%d/%b/%Y:%H:%M:%S +0000"


def event_for(arrival: Arrival) -> dict[str, Any]:
    """Build the event in the payload format of the route's integration."""
    if arrival.match.route.integration.payload_format == "2.0":
        return _format_2(arrival)
    return _format_1(arrival)


def _format_2(arrival: Arrival) -> dict[str, Any]:
    request, stage = arrival.request, arrival.addressed.stage
    path = unquote(request.path)
    host = request.header("host")
    body, is_base64 = _body(arrival)
    event: dict[str, Any] = {
        "version": "2.0",
        "routeKey": arrival.match.route.key,
        "rawPath": path,
        "rawQueryString": request.query,
        "headers": _joined(request.headers, without="cookie"),
        "requestContext": {
            "accountId": arrival.account,
            "apiId": arrival.addressed.api.id,
            "domainName": host,
            "domainPrefix": host.split(".", 1)[0],
            "http": {
                "method": request.method,
                "path": path,
                "protocol": "HTTP/1.1",
                "sourceIp": request.source_ip,
                "userAgent": request.header("user-agent"),
            },
            "requestId": arrival.extended_id,
            "routeKey": arrival.match.route.key,
            "stage": stage.name,
            "time": _time(int(arrival.at.timestamp())),
            "timeEpoch": int(arrival.at.timestamp() * 1000),
        },
        "isBase64Encoded": is_base64,
    }
    if arrival.admission.authorizer is not None:
        event["requestContext"]["authorizer"] = dict(arrival.admission.authorizer)
    if request.client_certificate:
        event["requestContext"]["authentication"] = client_certificate(request.client_certificate)
    optional = {
        "cookies": [
            cookie.strip()
            for header in request.header_values("cookie")
            for cookie in header.split(";")
        ],
        "queryStringParameters": _joined(_query(request)),
        "pathParameters": dict(arrival.match.parameters),
        "stageVariables": dict(stage.variables),
    }
    event.update({name: value for name, value in optional.items() if value})
    if body is not None:
        event["body"] = body
    return event


@lru_cache(maxsize=16)  # many requests come in one second
def _time(second: int) -> str:
    return datetime.fromtimestamp(second, UTC).strftime(_TIME)


def _format_1(arrival: Arrival) -> dict[str, Any]:
    request, addressed, match = arrival.request, arrival.addressed, arrival.match
    is_rest = addressed.definition.kind is ApiKind.REST
    sent = request.path if is_rest else unquote(request.path)
    path = addressed.path if is_rest else sent
    body, is_base64 = _body(arrival)
    query = _query(request)
    context = {
        "accountId": arrival.account,
        "apiId": addressed.api.id,
        "domainName": request.header("host"),
        "domainPrefix": request.header("host").split(".", 1)[0],
        "extendedRequestId": arrival.extended_id,
        "httpMethod": request.method,
        "identity": _identity(arrival),
        "path": sent,
        "protocol": "HTTP/1.1",
        "requestId": arrival.request_id,
        "requestTime": _time(int(arrival.at.timestamp())),
        "requestTimeEpoch": int(arrival.at.timestamp() * 1000),
        "resourceId": None,
        "resourcePath": match.route.template,
        "stage": addressed.stage.name,
    }
    if arrival.admission.authorizer is not None:
        context["authorizer"] = _authorizer(arrival.admission.authorizer)
    return {
        **({} if is_rest else {"version": "1.0"}),
        "resource": match.route.template,
        "path": path,
        "httpMethod": request.method,
        "headers": dict(request.headers),
        "multiValueHeaders": _listed(request.headers),
        "queryStringParameters": dict(query) or None,
        "multiValueQueryStringParameters": _listed(query) or None,
        "pathParameters": dict(match.parameters) or None,
        "stageVariables": dict(addressed.stage.variables) or None,
        "requestContext": context,
        "body": body,
        "isBase64Encoded": is_base64,
    }


def _authorizer(known: Mapping[str, Any]) -> dict[str, Any]:
    """Return what an authorizer found; format 1.0 has no `jwt` around claims and scopes."""
    return dict(known.get("jwt", known))


def _identity(arrival: Arrival) -> dict[str, Any]:
    absent = (
        "accessKey",
        "accountId",
        "caller",
        "cognitoAuthenticationProvider",
        "cognitoAuthenticationType",
        "cognitoIdentityId",
        "cognitoIdentityPoolId",
        "principalOrgId",
        "user",
        "userArn",
    )
    return {
        **dict.fromkeys(absent),
        "sourceIp": arrival.request.source_ip,
        "userAgent": arrival.request.header("user-agent"),
        **arrival.admission.identity,
        **client_certificate(arrival.request.client_certificate),
    }


def _query(request: Request) -> tuple[tuple[str, str], ...]:
    return tuple(parse_qsl(request.query, keep_blank_values=True, errors="replace"))


def _joined(pairs: tuple[tuple[str, str], ...], without: str | None = None) -> dict[str, str]:
    joined: dict[str, str] = {}
    for name, value in pairs:
        if name != without:
            joined[name] = f"{joined[name]},{value}" if name in joined else value
    return joined


def _listed(pairs: tuple[tuple[str, str], ...]) -> dict[str, list[str]]:
    listed: dict[str, list[str]] = {}
    for name, value in pairs:
        listed.setdefault(name, []).append(value)
    return listed


def _body(arrival: Arrival) -> tuple[str | None, bool]:
    request = arrival.request
    if not request.body:
        return None, False
    definition = arrival.addressed.definition
    media_type = media_type_of(request.header("content-type"))
    if definition.kind is ApiKind.REST:
        if is_listed(media_type, definition.binary_media_types):
            return b64encode(request.body).decode(), True
        return request.body.decode(errors="replace"), False
    if _is_text(media_type, request.headers):
        try:
            return request.body.decode(), False
        except UnicodeDecodeError:
            pass
    return b64encode(request.body).decode(), True


def _is_text(media_type: str, headers: tuple[tuple[str, str], ...]) -> bool:
    is_plain = all(name != "content-encoding" for name, _ in headers)
    return is_plain and (media_type.startswith("text/") or media_type in _TEXT_TYPES)


def media_type_of(header: str) -> str:
    """Return a content type without its parameters, in lower case."""
    return header.partition(";")[0].strip().lower()


def is_listed(media_type: str, listed: tuple[str, ...]) -> bool:
    """Say whether a media type is among those of `binaryMediaTypes`, wildcards included.

    Example:
        >>> is_listed("image/png", ("image/*",))
        True
    """
    family = media_type.partition("/")[0]
    return "*/*" in listed or media_type in listed or f"{family}/*" in listed
