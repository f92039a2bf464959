"""A route that leads through a VPC link to a load balancer, without a function between.

Sources, read 2026-11-22, docs.aws.amazon.com/apigateway/latest/developerguide:
    http-api-develop-integrations-private.html (the uri is a listener's ARN; the path is the
    request's own), http-api-parameter-mapping.html (append, overwrite and remove; what a value
    cannot be found for is left out), set-up-private-integration.html (REST: VPC link V2 with the
    balancer as `integrationTarget`, `uri` for path and host; `integration.request.header.…`).
    An HTTP API answers 503 where the integration cannot be reached or takes too long, a REST API
    500 or 504; what the balancer itself answers is passed on.
"""

import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from local_region.gateway.messages import ApiKind, Request, Response

if TYPE_CHECKING:
    from local_region.gateway.events import Arrival

_HTTP_PARAMETER: Final = re.compile(r"(append|overwrite|remove):header\.([\w-]+)")
_REST_PARAMETER: Final = re.compile(r"integration\.request\.(header|path)\.([\w-]+)")
_CONTEXT: Final = re.compile(r"\$?context\.(.+)")
_LISTENER: Final = re.compile(r"arn:aws[\w-]*:elasticloadbalancing:[\w-]+:\d{12}:listener/\S+")
_BALANCER: Final = re.compile(r"arn:aws[\w-]*:elasticloadbalancing:[\w-]+:\d{12}:loadbalancer/\S+")
_DROPPED: Final = frozenset({"connection", "keep-alive", "transfer-encoding"})

Forward = Callable[[str, Request], Awaitable[Response]]
"""ARN of a listener or load balancer, and a request → its answer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HeaderRule:
    """What becomes of one header on its way in.

    Attributes:
        action: `append`, `overwrite` or `remove`.
        name: The header's, in lower case.
        value: Where its value comes from: `$context.…` or a literal.
    """

    action: str
    name: str
    value: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class PrivateTarget:
    """What a private integration leads to.

    Attributes:
        arn: A listener's, or a load balancer's for a REST API.
        url: Path, with its variables, and host for a REST API; empty for the request's own.
        headers: What becomes of headers.
    """

    arn: str
    url: str = ""
    headers: tuple[HeaderRule, ...] = field(default=())


def read_private(kind: ApiKind, value: Mapping[str, Any]) -> PrivateTarget:
    """Read a private integration.

    Raises:
        ValueError: It leads nowhere that is known here, or maps what is not known here.
    """
    if str(value.get("connectionType")) != "VPC_LINK" or not value.get("connectionId"):
        raise ValueError("http_proxy integrations are known only through a VPC_LINK")
    uri = str(value.get("uri", ""))
    parameters = value.get("requestParameters") or {}
    if kind is ApiKind.HTTP:
        if not _LISTENER.fullmatch(uri):
            raise ValueError(f"{uri!r} names no listener of a load balancer")
        rules = tuple(_http_rule(key, str(text)) for key, text in parameters.items())
        return PrivateTarget(arn=uri, headers=rules)
    target = str(value.get("integrationTarget", ""))
    if not _BALANCER.fullmatch(target):
        raise ValueError(f"integrationTarget {target!r} names no load balancer")
    found = [_rest_rule(key, str(text)) for key, text in parameters.items()]
    return PrivateTarget(arn=target, url=uri, headers=tuple(rule for rule in found if rule))


def _http_rule(key: str, value: str) -> HeaderRule:
    found = _HTTP_PARAMETER.fullmatch(key)
    if found is None:
        raise ValueError(f"the request parameter {key!r} is not known here")
    return HeaderRule(action=found[1], name=found[2].lower(), value=value)


def _rest_rule(key: str, value: str) -> HeaderRule | None:
    found = _REST_PARAMETER.fullmatch(key)
    if found is None:
        raise ValueError(f"the request parameter {key!r} is not known here")
    if found[1] == "path":
        return None  # `forwarded` fills path variables from the match
    return HeaderRule(action="overwrite", name=found[2].lower(), value=value)


def forwarded(arrival: "Arrival", target: PrivateTarget) -> Request:
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
        if value:
            headers.append((rule.name, value))
    if not target.url:
        return replace(request, headers=tuple(headers))
    url = urlsplit(target.url)
    path = url.path
    for name, text in arrival.match.parameters.items():
        path = path.replace(f"{{{name}}}", text)
    named = [pair for pair in headers if pair[0] != "host"]
    return replace(request, path=path, headers=(("host", url.netloc), *named))


def _context(arrival: "Arrival") -> dict[str, Any]:
    """What `$context` knows of the caller: claims of a token, or what an authorizer said."""
    known: Any = (arrival.admission.authorizer if arrival.admission else None) or {}
    if "jwt" in known:
        known = known["jwt"]
    elif "lambda" in known:
        known = known["lambda"]
    return {"authorizer": known, "requestId": arrival.request_id}


def _value(text: str, context: Mapping[str, Any]) -> str:
    found = _CONTEXT.fullmatch(text)
    if found is None:
        return text.strip("'")
    value: Any = context
    for part in found[1].split("."):
        value = value.get(part) if isinstance(value, Mapping) else None
    return "" if value is None else str(value)
