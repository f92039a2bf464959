"""An API's event as the request behind it, and an answer as the API takes it."""

import base64
import json
from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from falaj.contract import (
    CONTEXT_CHECKED,
    CONTEXT_SUBJECT,
    HEADER_BINARY_LENGTH,
    HEADER_FALLBACK,
    HEADER_SUBJECT,
    HEADER_TENANT,
    PARAMETER_FALLBACK,
)
from falaj.errors import MalformedRequestError
from falaj.telemetry.trace import keep_valid

OK: Final = 200
_JSON: Final = "application/json"

_OF_ONE_HOP: Final = frozenset(
    {
        "connection",
        "content-length",
        "expect",
        "host",
        "keep-alive",
        "proxy-authenticate",
        "proxy-authorization",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
        HEADER_SUBJECT,
        HEADER_TENANT,
    }
)
"""Headers that end with a connection (RFC 9110, section 7.6.1), and what only the API may say."""


class Forwarded(NamedTuple):
    """What the service is asked.

    Attributes:
        method: In capitals.
        path: From the model's own path on, with its query.
        headers: Without those of the connection that ended here.
        body: The body's bytes.
    """

    method: str
    path: str
    headers: dict[str, str]
    body: bytes


class Answered(NamedTuple):
    """What the service answered."""

    status: int
    headers: dict[str, str]
    body: bytes


def forwarded(event: Mapping[str, Any], model: str, *, is_checked: bool = False) -> Forwarded:
    """Read either payload format of API Gateway.

    Args:
        event: The event.
        model: Whose paths are forwarded.
        is_checked: Whether the tenant in its headers is what a check of our own has found.

    Raises:
        MalformedRequestError: It is no such event, or speaks of another model.

    Source:
        docs.aws.amazon.com/apigateway/latest/developerguide/
        http-api-develop-integrations-lambda.html (formats 2.0 and 1.0).
    """
    context = event.get("requestContext") or {}
    if "rawPath" in event:
        method, path = str(context["http"]["method"]), str(event["rawPath"])
        query = str(event.get("rawQueryString") or "")
        identity = context.get("authorizer", {}).get("iam", {}).get("userArn")
        source = context["http"].get("sourceIp", "")
    elif "path" in event:
        method, path = str(event["httpMethod"]), str(event["path"])
        query = _query(event.get("multiValueQueryStringParameters"))
        identity = context.get("identity", {}).get("userArn")
        source = context.get("identity", {}).get("sourceIp", "")
    else:
        raise MalformedRequestError("the event must be an API Gateway event")
    root = f"/v2/models/{model}"
    start = path.find(root)
    if start < 0:
        raise MalformedRequestError(f"the path {path[:200]!r} is not one of model '{model}'")
    headers = {
        name.lower(): str(value)
        for name, value in (event.get("headers") or {}).items()
        if name.lower() not in _OF_ONE_HOP
    }
    keep_valid(headers)
    # Who was asked for a token has been put there by the check before (falaj.entrypoints.guarded);
    # whoever else wrote it is not believed.
    told = (event.get("headers") or {}).get(HEADER_TENANT, "") if is_checked else ""
    headers[HEADER_TENANT] = str(told or identity or source)
    checked = context.get(CONTEXT_CHECKED, {}) if is_checked else {}
    headers[HEADER_SUBJECT] = str(checked.get(CONTEXT_SUBJECT) or identity or source)
    headers.setdefault("x-request-id", str(context.get("requestId", "")))
    target = path[start:] + (f"?{query}" if query else "")
    return Forwarded(method.upper(), target, headers, _body(event))


def result_of(answered: Answered) -> dict[str, Any]:
    """Write an answer as either payload format takes it."""
    headers = {name: value for name, value in answered.headers.items() if name not in _OF_ONE_HOP}
    is_text = headers.get("content-type", "").startswith(_JSON) and not headers.get(
        "content-encoding"
    )
    body = answered.body.decode() if is_text else base64.b64encode(answered.body).decode()
    return {
        "statusCode": answered.status,
        "headers": headers,
        "body": body,
        "isBase64Encoded": not is_text,
    }


def without_compression(event: Mapping[str, Any]) -> dict[str, Any]:
    """Return the event of a caller who takes no compressed answer, so that it can be added to."""
    return {
        **event,
        "headers": _uncompressed(event.get("headers")),
        **(
            {"multiValueHeaders": _uncompressed(event.get("multiValueHeaders"))}
            if "multiValueHeaders" in event
            else {}
        ),
    }


def marked(result: Mapping[str, Any], reason: str) -> dict[str, Any]:
    """Return the fallback's answer, which says that it is one, and why.

    The header is on every answer. The parameter is in every answer that is the protocol's: JSON,
    or the JSON before binary tensors, whose length the protocol states in a header.
    """
    headers = {**(result.get("headers") or {}), HEADER_FALLBACK: reason}
    done = {**result, "headers": headers}
    if result.get("statusCode") != OK or headers.get("content-encoding"):
        return done
    body = _bytes(result)
    length = int(headers.get(HEADER_BINARY_LENGTH) or len(body))
    try:
        document = json.loads(body[:length])
    except ValueError:
        return done
    if not isinstance(document, dict) or "outputs" not in document:
        return done
    said = {**(document.get("parameters") or {}), PARAMETER_FALLBACK: reason}
    text = json.dumps({**document, "parameters": said}, separators=(",", ":")).encode()
    if HEADER_BINARY_LENGTH in headers:
        headers[HEADER_BINARY_LENGTH] = str(len(text))
    whole = text + body[length:]
    encoded = base64.b64encode(whole) if result.get("isBase64Encoded") else whole
    return {**done, "headers": headers, "body": encoded.decode()}


def refusal(
    status: int, *, error: str, code: str, request_id: str, retry_after_s: int | None = None
) -> dict[str, Any]:
    """Write an error as every part of Falaj does."""
    after = {} if retry_after_s is None else {"retry-after": str(retry_after_s)}
    return {
        "statusCode": status,
        "headers": {"content-type": _JSON, "x-request-id": request_id, **after},
        "body": json.dumps({"error": error, "code": code, "request_id": request_id}),
        "isBase64Encoded": False,
    }


def request_id_of(event: Mapping[str, Any]) -> str:
    """Return the caller's id for the request, or API Gateway's."""
    headers = {name.lower(): value for name, value in (event.get("headers") or {}).items()}
    return str(
        headers.get("x-request-id") or (event.get("requestContext") or {}).get("requestId", "")
    )


def _body(event: Mapping[str, Any]) -> bytes:
    try:
        return _bytes(event)
    except ValueError as error:
        raise MalformedRequestError("the event's body is not Base64") from error


def _bytes(holder: Mapping[str, Any]) -> bytes:
    body = holder.get("body") or ""
    if holder.get("isBase64Encoded"):
        return base64.b64decode(body, validate=True)
    return str(body).encode("utf-8", "surrogatepass")


def _query(values: object) -> str:
    if not isinstance(values, dict):
        return ""
    from urllib.parse import urlencode  # noqa: PLC0415 - hardly any request has one

    return urlencode(values, doseq=True)


def _uncompressed(headers: object) -> dict[str, Any]:
    if not isinstance(headers, dict):
        return {}
    return {name: value for name, value in headers.items() if name.lower() != "accept-encoding"}
