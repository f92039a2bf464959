"""Every API bounds what it takes."""

from collections.abc import Iterator

from policies.application import Resource, View
from policies.rule import Rule
from policies.values import at, items


def _check(resource: Resource, view: View) -> Iterator[str]:
    del view
    if resource.type == "AWS::ApiGateway::Stage":
        settings = [
            setting
            for setting in items(resource.properties.get("MethodSettings"))
            if at(setting, "ResourcePath") == "/*" and at(setting, "HttpMethod") == "*"
        ]
    else:
        settings = items(resource.properties.get("DefaultRouteSettings"))
    for key in ("ThrottlingRateLimit", "ThrottlingBurstLimit"):
        if not any(at(setting, key) for setting in settings):
            yield f"no {key} for all routes"


RULE = Rule(
    id="exposure.throttle",
    title="API stages are throttled",
    reason=(
        "Without a bound one caller takes the account's whole quota, and the bill has none either."
    ),
    source=(
        "https://owasp.org/API-Security/editions/2023/en/0xa4-unrestricted-resource-consumption/"
    ),
    controls=("ISO-8.6", "IAR-T3"),
    types=("AWS::ApiGateway::Stage", "AWS::ApiGatewayV2::Stage"),
    check=_check,
)
