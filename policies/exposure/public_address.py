"""Nothing has an address on the internet."""

import re
from collections.abc import Iterator
from typing import Any, Final

from policies.application import STACK, Resource, View
from policies.rule import ALL, Rule
from policies.values import is_off

_FLAG: Final = re.compile(
    r"MapPublicIpOnLaunch|PubliclyAccessible|AssignPublicIp|AssociatePublicIpAddress"
    r"|EndpointPublicAccess|PublicConnectivity|AutoAssignPublicIps"
)
"""How the schemas of the region's types call it, in all of them (cfn-lint's, 2026-11-22)."""


def _flags(value: object, path: str = "") -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict):
        for key, item in value.items():
            below = f"{path}.{key}".lstrip(".")
            if _FLAG.fullmatch(key):
                yield below, item
            else:
                yield from _flags(item, below)
    elif isinstance(value, list):
        for number, item in enumerate(value):
            yield from _flags(item, f"{path}[{number}]")


def _check(resource: Resource, view: View) -> Iterator[str]:
    del view
    if resource.type == STACK:
        return
    kind = "AWS::ElasticLoadBalancingV2::LoadBalancer"
    if resource.type == kind and resource.properties.get("Scheme") != "internal":
        yield "its Scheme is internet-facing (so it is where nothing is said); write internal"
    for path, value in _flags(resource.properties):
        if not is_off(value) and value != "DISABLED":
            yield f"{path} is {value}"


RULE = Rule(
    id="exposure.public-address",
    title="No public address",
    reason="What has no public address cannot be reached from outside, whatever else is wrong.",
    source="https://docs.aws.amazon.com/vpc/latest/userguide/vpc-ip-addressing.html",
    controls=("PDPL-22", "ISO-8.20", "IAR-T4", "ISO-8.22"),
    types=ALL,
    check=_check,
)
