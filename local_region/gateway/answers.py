"""What a function returned, as API Gateway understands it.

Sources, read 2026-11-22:
    docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html
    ("Lambda function response format"): format 2.0 takes JSON without `statusCode` as the body of
    a 200; and …/set-up-lambda-proxy-integrations.html ("Output format"): anything else is a
    malformed Lambda proxy response.
    A REST API decodes a base64 body only where `Accept` matches `binaryMediaTypes` (measured on
    AWS, ministackorg/ministack pull request 767).
"""

import binascii
from base64 import b64decode
from collections.abc import Iterator, Mapping
from typing import Any, Final

import orjson

from local_region.gateway.events import is_listed, media_type_of
from local_region.gateway.messages import Request, Response

_JSON: Final = ("content-type", "application/json")
_HOP_BY_HOP: Final = frozenset({"connection", "content-length", "keep-alive", "transfer-encoding"})
_STATUSES: Final = range(100, 600)


class MalformedAnswerError(Exception):
    """A function returned what API Gateway cannot turn into a response."""


def answer_from_format_2(payload: bytes) -> Response:
    """Read what a function returned under payload format 2.0.

    Raises:
        MalformedAnswerError: It has a `statusCode` and does not fit the format.
    """
    value = _json(payload)
    if not isinstance(value, dict) or "statusCode" not in value:
        body = value.encode() if isinstance(value, str) else payload
        return Response(status=200, headers=(_JSON,), body=body)
    cookies = tuple(("set-cookie", str(cookie)) for cookie in value.get("cookies") or ())
    headers = tuple(_headers(value.get("headers") or {}))
    if all(name != "content-type" for name, _ in headers):
        headers = (*headers, ("content-type", "text/plain;charset=UTF-8"))
    return Response(
        status=_status(value),
        headers=(*headers, *cookies),
        body=_body(value, decode=bool(value.get("isBase64Encoded"))),
    )


def answer_from_format_1(
    payload: bytes, request: Request, binary_media_types: tuple[str, ...] | None
) -> Response:
    """Read what a function returned under payload format 1.0.

    Args:
        payload: What it returned.
        request: What was asked; its `Accept` decides about base64 for a REST API.
        binary_media_types: The REST API's; None for an HTTP API, which always decodes.

    Raises:
        MalformedAnswerError: It does not fit the format.
    """
    value = _json(payload)
    if not isinstance(value, dict) or "statusCode" not in value:
        raise MalformedAnswerError("there is no statusCode")
    headers = dict(_headers(value.get("headers") or {}))
    many = [
        (name.lower(), str(item))
        for name, items in (value.get("multiValueHeaders") or {}).items()
        for item in items
        if name.lower() not in _HOP_BY_HOP
    ]
    listed = {name for name, _ in many}
    single = [(name, text) for name, text in headers.items() if name not in listed]
    all_headers = (*single, *many)
    if all(name != "content-type" for name, _ in all_headers):
        all_headers = (*all_headers, _JSON)
    decode = bool(value.get("isBase64Encoded")) and _accepts_bytes(request, binary_media_types)
    return Response(status=_status(value), headers=all_headers, body=_body(value, decode=decode))


def _accepts_bytes(request: Request, binary_media_types: tuple[str, ...] | None) -> bool:
    if binary_media_types is None:
        return True
    first = request.header("accept").partition(",")[0]
    return is_listed(media_type_of(first), binary_media_types)


def _json(payload: bytes) -> Any:  # noqa: ANN401 - a JSON value
    try:
        return orjson.loads(payload)
    except orjson.JSONDecodeError as error:
        raise MalformedAnswerError(f"it is no JSON: {error}") from error


def _status(value: Mapping[str, Any]) -> int:
    try:
        status = int(value["statusCode"])
    except (TypeError, ValueError) as error:
        raise MalformedAnswerError(f"statusCode {value['statusCode']!r} is no number") from error
    if status not in _STATUSES:
        raise MalformedAnswerError(f"statusCode {status} is no HTTP status")
    return status


def _headers(value: object) -> Iterator[tuple[str, str]]:
    if not isinstance(value, dict):
        raise MalformedAnswerError("headers are no object")
    for name, text in value.items():
        if isinstance(text, dict | list):
            raise MalformedAnswerError(f"header {name!r} is no string")
        if name.lower() not in _HOP_BY_HOP:
            yield name.lower(), "" if text is None else _header_text(text)


def _header_text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _body(value: Mapping[str, Any], *, decode: bool) -> bytes:
    body = value.get("body")
    if body is None:
        return b""
    if not isinstance(body, str):
        raise MalformedAnswerError(f"body is {type(body).__name__}, not a string")
    if not decode:
        return body.encode()
    try:
        return b64decode(body, validate=True)
    except (binascii.Error, ValueError) as error:
        raise MalformedAnswerError(f"body is no base64: {error}") from error
