"""Load balancers and domains speak modern TLS."""

from collections.abc import Iterator

from policies.application import Resource, View
from policies.rule import Rule
from policies.values import at, items


def _check(resource: Resource, view: View) -> Iterator[str]:
    del view
    if resource.type == "AWS::ElasticLoadBalancingV2::Listener":
        if resource.properties.get("Protocol") not in {"HTTPS", "TLS"}:
            yield f"its protocol is {resource.properties.get('Protocol')}; write HTTPS or TLS"
        return
    configurations = items(resource.properties.get("DomainNameConfigurations"))
    for place in configurations or [resource.properties]:
        policy = str(at(place, "SecurityPolicy"))
        if not policy.startswith(("TLS_1_2", "SecurityPolicy_TLS12", "SecurityPolicy_TLS13")):
            yield f"SecurityPolicy is {policy}; write TLS_1_2 or newer"


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
        "AWS::ElasticLoadBalancingV2::Listener",
        "AWS::ApiGateway::DomainName",
        "AWS::ApiGatewayV2::DomainName",
    ),
    check=_check,
)
