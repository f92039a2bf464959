"""REST APIs and their domains are regional or private."""

from collections.abc import Iterator

from policies.application import Resource, View
from policies.rule import Rule
from policies.values import at, items


def _check(resource: Resource, view: View) -> Iterator[str]:
    del view
    said = at(resource.properties, "Parameters.endpointConfigurationTypes")
    if said is not None and str(said).upper() not in {"REGIONAL", "PRIVATE"}:
        yield f"its import parameter endpointConfigurationTypes is {said}; write REGIONAL"
    if resource.properties.get("BodyS3Location"):
        yield "BodyS3Location is a document that is read at deployment; put it into Body"
    kinds = items(at(resource.properties, "EndpointConfiguration.Types")) or ["EDGE"]
    if not set(kinds) <= {"REGIONAL", "PRIVATE"}:
        yield (
            f"its endpoint is {', '.join(map(str, kinds))} (EDGE where nothing is said); "
            "write REGIONAL"
        )


RULE = Rule(
    id="residency.edge-api",
    title="No edge-optimised API",
    reason="An edge-optimised API is answered by CloudFront, whose nodes lie in other countries.",
    source=(
        "https://docs.aws.amazon.com/apigateway/latest/developerguide/"
        "api-gateway-api-endpoint-types.html"
    ),
    controls=("PDPL-22", "HEALTH-13", "CBUAE-6.1"),
    types=("AWS::ApiGateway::RestApi", "AWS::ApiGateway::DomainName"),
    check=_check,
)
