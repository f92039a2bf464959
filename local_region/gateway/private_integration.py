"""A route that leads through a VPC link to a load balancer, read from an API's definition.

Sources, read 2026-11-22, docs.aws.amazon.com/apigateway/latest/developerguide:
    http-api-develop-integrations-private.html (the uri is a listener's ARN),
    http-api-parameter-mapping.html and set-up-private-integration.html (REST: VPC link V2 with the
    balancer as `integrationTarget`, `uri` for path and host; `integration.request.header.…`).
"""

import re
from collections.abc import Mapping
from typing import Any, Final

from local_region.gateway.messages import ApiKind
from local_region.gateway.route import HeaderRule, PrivateTarget

_HTTP_PARAMETER: Final = re.compile(r"(append|overwrite|remove):header\.([\w-]+)")
_REST_PARAMETER: Final = re.compile(r"integration\.request\.(header|path)\.([\w-]+)")
_LISTENER: Final = re.compile(r"arn:aws[\w-]*:elasticloadbalancing:[\w-]+:\d{12}:listener/\S+")
_BALANCER: Final = re.compile(r"arn:aws[\w-]*:elasticloadbalancing:[\w-]+:\d{12}:loadbalancer/\S+")


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
        return None  # forwarding fills path variables from the match
    return HeaderRule(action="overwrite", name=found[2].lower(), value=value)
