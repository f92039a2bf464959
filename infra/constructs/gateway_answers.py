"""What a REST API answers itself, in the words and headers of the functions behind it.

Sources, read 2026-11-22:
    docs.aws.amazon.com/apigateway/latest/developerguide/supported-gateway-response-types.html
    (UNAUTHORIZED 401, ACCESS_DENIED 403, THROTTLED 429, QUOTA_EXCEEDED 429, WAF_FILTERED 403) and
    …/api-gateway-swagger-extensions-gateway-responses.responseParameters.html (a header takes a
    parameter of the request or a quoted literal: nothing that an authorizer said);
    repost.aws questions QUL-z6rJbmR4meafB7MzYXxw and QUfI6bsdd0SOiPeyimzxSkfQ: a function for which
    Lambda has no room is INTEGRATION_FAILURE, 500 until that is given a status.
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
    "INTEGRATION_FAILURE": "overloaded",
}
"""The code of `falaj.errors` by kind of answer; whatever has none of its own is a default."""

_HEADERS: Final = {
    "UNAUTHORIZED": {"WWW-Authenticate": "Bearer"},
    # A bucket that is filled once a second at least has room again after one.
    "THROTTLED": {"Retry-After": "1"},
    "QUOTA_EXCEEDED": {"Retry-After": "3600"},
    "INTEGRATION_FAILURE": {"Retry-After": "1"},
}

_STATUSES: Final = {"INTEGRATION_FAILURE": "503"}
"""Where API Gateway's own would mislead: Lambda has no room, or nobody is reached, for the moment.
A full container says the same. A private integration that takes too long stays what it is, 504."""


def gateway_answers() -> dict[str, Any]:
    """Write `x-amazon-apigateway-gateway-responses`."""
    return {name: _answer(name, code) for name, code in CODES.items()}


def _answer(name: str, code: str) -> dict[str, Any]:
    answer: dict[str, Any] = {"responseTemplates": {"application/json": _SENTENCE % code}}
    if status := _STATUSES.get(name):
        answer["statusCode"] = status
    if headers := _HEADERS.get(name):
        answer["responseParameters"] = {
            f"gatewayresponse.header.{header}": f"'{text}'" for header, text in headers.items()
        }
    return answer
