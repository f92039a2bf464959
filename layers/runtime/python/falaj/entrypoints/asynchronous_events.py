"""An API's event as it is read, and as it waits: what a model will be asked, and no credentials.

It is read with the standard library alone: what else reads events comes with the models' layer.
"""

import base64
import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from falaj.contract import CONTEXT_QUEUED, HEADER_IDEMPOTENCY, HEADER_REQUEST_ID
from falaj.entrypoints.lambda_paths import without_stage
from falaj.errors import MalformedRequestError
from falaj.http.messages import Request

_VERB: Final = "infer"
_LATER: Final = "infer_async"
_DROPPED: Final = frozenset(
    {
        # Whoever fetches the answer may read other encodings than whoever asked.
        "accept-encoding",
        "authorization",
        "cookie",
        HEADER_IDEMPOTENCY,
        "proxy-authorization",
        "x-api-key",
        "x-amz-content-sha256",
        "x-amz-date",
        "x-amz-security-token",
    }
)
_KEPT_OF_CONTEXT: Final = ("authorizer", "requestId", "stage")
_KEPT_OF_SIGNER: Final = ("accountId", "userArn")


def request_in(event: object) -> Request:
    """Read a request from an event, payload format 1.0 or 2.0.

    Raises:
        MalformedRequestError: It is no such event, or its body is not the Base64 it claims to be.
    """
    if not isinstance(event, dict):
        raise MalformedRequestError("the event must be an API Gateway event: a JSON object")
    path = event.get("rawPath") or event.get("path")
    if not isinstance(path, str):
        raise MalformedRequestError("the event must be an API Gateway event: it has no path")
    context = event.get("requestContext")
    context = context if isinstance(context, dict) else {}
    http = context.get("http")
    method = http.get("method") if isinstance(http, dict) else event.get("httpMethod")
    body = _body(event)
    headers = {name.lower(): str(value) for name, value in (event.get("headers") or {}).items()}
    if request_id := context.get("requestId"):
        headers.setdefault(HEADER_REQUEST_ID, str(request_id))
    asked = str(method or ("POST" if body else "GET")).upper()
    return Request(asked, without_stage(path, context.get("stage")), headers, body)


def waiting_event(event: Mapping[str, Any], *, since: datetime) -> bytes:
    """Write what the API would have asked the model's function, as it may be kept.

    Args:
        event: The API's event, payload format 1.0 or 2.0.
        since: When it was taken in.
    """
    context = event.get("requestContext")
    context = context if isinstance(context, dict) else {}
    kept = {name: context[name] for name in _KEPT_OF_CONTEXT if name in context}
    kept[CONTEXT_QUEUED] = since.isoformat()
    if isinstance(signer := context.get("identity"), dict):
        kept["identity"] = {name: signer.get(name) for name in _KEPT_OF_SIGNER}
    written: dict[str, Any] = {
        "headers": _without_credentials(event.get("headers")),
        "body": event.get("body"),
        "isBase64Encoded": bool(event.get("isBase64Encoded")),
    }
    if "rawPath" in event:
        path = _path(event["rawPath"])
        kept["http"] = {"method": "POST", "path": path}
        written |= {"version": "2.0", "rawPath": path, "rawQueryString": ""}
    else:
        written |= {"version": "1.0", "path": _path(event["path"]), "httpMethod": "POST"}
        if "multiValueHeaders" in event:
            written["multiValueHeaders"] = _without_credentials(event["multiValueHeaders"])
    if not context:
        # Nobody was asked who they are; so it stays.
        return _bytes(written)
    return _bytes({**written, "requestContext": kept})


def _body(event: Mapping[str, Any]) -> bytes:
    body = str(event.get("body") or "")
    if not event.get("isBase64Encoded"):
        return body.encode("utf-8", "surrogatepass")
    try:
        return base64.b64decode(body, validate=True)
    except ValueError as error:
        raise MalformedRequestError("the event's body is not Base64") from error


def _path(asked: object) -> str:
    return f"{str(asked).rstrip('/').removesuffix(_LATER)}{_VERB}"


def _without_credentials(headers: object) -> dict[str, Any]:
    if not isinstance(headers, dict):
        return {}
    return {name: value for name, value in headers.items() if name.lower() not in _DROPPED}


def _bytes(value: Mapping[str, Any]) -> bytes:
    """Write JSON in as few bytes as the gateway did: escapes may double a text."""
    try:
        return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()
    except UnicodeEncodeError:
        return json.dumps(value, separators=(",", ":")).encode()
