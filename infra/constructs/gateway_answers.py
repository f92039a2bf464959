"""What a REST API answers itself, in the words and headers of the functions behind it.

Sources, read 2026-11-22:
    docs.aws.amazon.com/apigateway/latest/developerguide/supported-gateway-response-types.html
    (UNAUTHORIZED 401, ACCESS_DENIED 403, THROTTLED 429, QUOTA_EXCEEDED 429, WAF_FILTERED 403) and
    …/api-gateway-swagger-extensions-gateway-responses.html (responseParameters of quoted literals).
"""

from typing import Any, Final

_SENTENCE: Final = (
    '{"error":$context.error.messageString,"code":"%s","request_id":"$context.requestId"}'
)

CODES: Final = {
    "DEFAULT_4XX": "refused",
    "DEFAULT_5XX": "gateway",
    "UNAUTHORIZED": "unauthenticated",
    "EXPIRED_TOKEN": "unauthenticated",
    "INVALID_SIGNATURE": "unauthenticated",
    "ACCESS_DENIED": "forbidden",
    "INVALID_API_KEY": "forbidden",
    "WAF_FILTERED": "forbidden",
    "THROTTLED": "quota_exceeded",
    "QUOTA_EXCEEDED": "quota_exceeded",
}
"""The code of `falaj.errors` by kind of answer; whatever has none of its own is a default."""

_HEADERS: Final = {
    "UNAUTHORIZED": {"WWW-Authenticate": "Bearer"},
    # A bucket that is filled once a second at least has room again after one.
    "THROTTLED": {"Retry-After": "1"},
    "QUOTA_EXCEEDED": {"Retry-After": "3600"},
}


def gateway_answers() -> dict[str, Any]:
    """Write `x-amazon-apigateway-gateway-responses`."""
    return {name: _answer(name, code) for name, code in CODES.items()}


def _answer(name: str, code: str) -> dict[str, Any]:
    answer: dict[str, Any] = {"responseTemplates": {"application/json": _SENTENCE % code}}
    if headers := _HEADERS.get(name):
        answer["responseParameters"] = {
            f"gatewayresponse.header.{header}": f"'{text}'" for header, text in headers.items()
        }
    return answer
