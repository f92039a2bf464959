"""API Gateway's events, payload formats 1.0 and 2.0, and the same events invoked directly.

Source:
    docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html
    (format 2.0: `rawPath` begins with the stage unless it is `$default`; repeated headers are
    joined with commas; cookies are apart) and set-up-lambda-proxy-integrations.html (format 1.0:
    `path` without the stage, `multiValueHeaders`).
"""

from collections.abc import Mapping
from typing import Any, Final

import pybase64

from falaj.entrypoints.lambda_paths import without_stage
from falaj.errors import MalformedRequestError
from falaj.http.messages import Request, Response

_TEXT: Final = "application/json"


def request_of(event: Mapping[str, Any]) -> Request:
    """Read a request from an event.

    A direct invocation may leave out everything but the path: the method is then POST where there
    is a body and GET otherwise.

    Raises:
        MalformedRequestError: It is no such event, or its body is not the Base64 it claims to be.
    """
    if not isinstance(event, dict):
        raise MalformedRequestError("the event must be an API Gateway event: a JSON object")
    context = event.get("requestContext")
    context = context if isinstance(context, dict) else {}
    body = _body(event)
    if isinstance(path := event.get("rawPath"), str):
        method = _method(context.get("http"), "method")
        headers = _headers(event.get("headers"))
        if cookies := event.get("cookies"):
            headers["cookie"] = "; ".join(map(str, cookies))
        query = _parsed_query(event.get("rawQueryString"))
    elif isinstance(path := event.get("path"), str):
        method = _method(event, "httpMethod")
        headers = _headers(event.get("headers")) | _joined(event.get("multiValueHeaders"))
        query = _query(event.get("queryStringParameters"))
    else:
        raise MalformedRequestError(
            "the event must be an API Gateway event: it has neither 'rawPath' nor 'path'"
        )
    if (request_id := context.get("requestId")) and "x-request-id" not in headers:
        headers["x-request-id"] = str(request_id)
    return Request(
        method or ("POST" if body else "GET"),
        without_stage(path, context.get("stage")),
        headers,
        body,
        query,
    )


def result_of(response: Response) -> dict[str, Any]:
    """Write a response as either payload format takes it; binary bodies travel as Base64."""
    headers = response.headers
    if headers.get("content-type") == _TEXT and "content-encoding" not in headers:
        return {
            "statusCode": response.status,
            "headers": headers,
            "body": response.body.decode(),
            "isBase64Encoded": False,
        }
    return {
        "statusCode": response.status,
        "headers": headers,
        "body": pybase64.b64encode_as_string(response.body),
        "isBase64Encoded": True,
    }


def _body(event: Mapping[str, Any]) -> bytes:
    body = event.get("body")
    if not body:
        return b""
    if not isinstance(body, str):
        raise MalformedRequestError("the event's body must be a string")
    if not event.get("isBase64Encoded"):
        return body.encode("utf-8", "surrogatepass")
    try:
        return pybase64.b64decode(body, validate=True)
    except ValueError as error:
        raise MalformedRequestError("the event's body is not Base64") from error


def _method(holder: object, key: str) -> str:
    return str(holder.get(key) or "").upper() if isinstance(holder, dict) else ""


def _headers(headers: object) -> dict[str, str]:
    if not isinstance(headers, dict):
        return {}
    # API Gateway's HTTP APIs send lower case and text only; joining tells so at once.
    try:
        if "".join(headers).islower() and "".join(headers.values()) is not None:
            return headers.copy()
    except TypeError:
        pass
    return {name.lower(): value for name, value in headers.items() if isinstance(value, str)}


def _joined(headers: object) -> dict[str, str]:
    if not isinstance(headers, dict):
        return {}
    return {
        name.lower(): ("; " if name.lower() == "cookie" else ",").join(map(str, values))
        for name, values in headers.items()
        if isinstance(values, list)
    }


def _parsed_query(text: object) -> dict[str, str]:
    if not isinstance(text, str) or not text:
        return {}
    from urllib.parse import parse_qsl  # noqa: PLC0415 - a cold start does without

    return dict(parse_qsl(text))


def _query(parameters: object) -> dict[str, str]:
    if not isinstance(parameters, dict):
        return {}
    return {str(name): str(value) for name, value in parameters.items()}
