"""Load balancers and domains speak modern TLS."""

import re
from collections.abc import Iterator
from typing import Final

from policies.application import Resource, View
from policies.rule import Rule
from policies.values import at, items

_MODERN: Final = re.compile(r"ELBSecurityPolicy-(?:TLS13-1-[23]|TLS-1-2|FS-1-2)|\$\{")
"""Policies whose least version is TLS 1.2 or 1.3; without a name the CDK's default decides.

Source: docs.aws.amazon.com/elasticloadbalancing/latest/application/describe-ssl-policies.html,
read 2026-11-22.
"""


def _check(resource: Resource, view: View) -> Iterator[str]:
    del view
    properties = resource.properties
    if resource.type == "AWS::ElasticLoadBalancing::LoadBalancer":
        for listener in items(properties.get("Listeners")):
            yield from _protocol(str(at(listener, "Protocol")).upper(), ("HTTPS", "SSL"))
    elif resource.type == "AWS::ElasticLoadBalancingV2::Listener":
        yield from _protocol(str(properties.get("Protocol")), ("HTTPS", "TLS"))
        policy = str(properties.get("SslPolicy", ""))
        if policy and not _MODERN.match(policy):
            yield f"its SslPolicy {policy} allows TLS before 1.2; name one with TLS13-1-2"
    else:
        for place in items(properties.get("DomainNameConfigurations")) or [properties]:
            policy = str(at(place, "SecurityPolicy"))
            if not policy.startswith(("TLS_1_2", "SecurityPolicy_TLS12", "SecurityPolicy_TLS13")):
                yield f"SecurityPolicy is {policy}; write TLS_1_2 or newer"


def _protocol(protocol: str, under_tls: tuple[str, ...]) -> Iterator[str]:
    if protocol not in under_tls:
        yield f"its protocol is {protocol}; write {' or '.join(under_tls)}"


RULE = Rule(
    id="encryption.plain-listener",
    title="No plain or old TLS listener",
    reason="HTTP and TLS before 1.2 can be read or altered on the way.",
    source=(
        "https://docs.aws.amazon.com/elasticloadbalancing/latest/application/"
        "describe-ssl-policies.html"
    ),
    controls=("PDPL-20", "ISO-8.24", "IAR-T7"),
    types=(
        "AWS::ElasticLoadBalancing::LoadBalancer",
        "AWS::ElasticLoadBalancingV2::Listener",
        "AWS::ApiGateway::DomainName",
        "AWS::ApiGatewayV2::DomainName",
    ),
    check=_check,
)
