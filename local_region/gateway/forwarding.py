"""The request that a load balancer behind a private integration gets.

Sources, read 2026-11-22, docs.aws.amazon.com/apigateway/latest/developerguide:
    http-api-develop-integrations-private.html (the path is the request's own) and
    http-api-parameter-mapping.html (append, overwrite and remove; what a value cannot be found for
    is left out). An HTTP API answers 503 where the integration cannot be reached or takes too
    long, a REST API 500 or 504; what the balancer itself answers is passed on.
"""

import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from typing import Any, Final
from urllib.parse import urlsplit

from local_region.gateway.arrival import Arrival
from local_region.gateway.messages import Request, Response
from local_region.gateway.route import PrivateTarget

_CONTEXT: Final = re.compile(r"\$?context\.(.+)")
_DROPPED: Final = frozenset({"connection", "keep-alive", "transfer-encoding"})

Forward = Callable[[str, Request], Awaitable[Response]]
"""ARN of a listener or load balancer, and a request → its answer."""


def forwarded(arrival: Arrival, target: PrivateTarget) -> Request:
    """Write the request that a load balancer gets.

    A header that is to be overwritten is removed first: what the API does not know of a caller,
    nobody else can say.

    Args:
        arrival: What came.
        target: Where it goes.
    """
    request, context = arrival.request, _context(arrival)
    ruled = {rule.name for rule in target.headers if rule.action != "append"}
    headers = [pair for pair in request.headers if pair[0] not in ruled | _DROPPED]
    for rule in target.headers:
        value = "" if rule.action == "remove" else _value(rule.value, context)
        # A line break in a claim would begin a header, or a request, of the caller's own.
        if value and value.isprintable():
            headers.append((rule.name, value))
    if not target.url:
        return replace(request, headers=tuple(headers))
    url = urlsplit(target.url)
    path = url.path
    for name, text in arrival.match.parameters.items():
        path = path.replace(f"{{{name}}}", text)
    named = [pair for pair in headers if pair[0] != "host"]
    return replace(request, path=path, headers=(("host", url.netloc), *named))


def _context(arrival: Arrival) -> dict[str, Any]:
    """What `$context` knows of the caller: a token's claims, or what an authorizer or IAM said."""
    known: Any = arrival.admission.authorizer or {}
    identity: Mapping[str, Any] = arrival.admission.identity
    if "jwt" in known:
        known = known["jwt"]
    elif "lambda" in known:
        known = known["lambda"]
    elif "iam" in known:
        identity = known["iam"]
    return {
        "authorizer": known,
        "identity": {"sourceIp": arrival.request.source_ip, **identity},
        "requestId": arrival.request_id,
    }


def _value(text: str, context: Mapping[str, Any]) -> str:
    found = _CONTEXT.fullmatch(text)
    if found is None:
        return text.strip("'")
    value: Any = context
    for part in found[1].split("."):
        value = value.get(part) if isinstance(value, Mapping) else None
    return "" if value is None else str(value)
