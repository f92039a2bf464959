"""Names lead to one place."""

from collections.abc import Iterator

from policies.application import Resource, View
from policies.rule import Rule
from policies.values import at, items


def _check(resource: Resource, view: View) -> Iterator[str]:
    del view
    if resource.type == "AWS::Route53::HealthCheck":
        kind = at(resource.properties, "HealthCheckConfig.Type")
        if kind not in {"CLOUDWATCH_METRIC", "CALCULATED"}:
            yield f"a health check of type {kind} is made by checkers in other regions"
    records = [resource.properties, *items(resource.properties.get("RecordSets"))]
    for record in records:
        for key in ("Region", "GeoLocation", "GeoProximityLocation", "CidrRoutingConfig"):
            if at(record, key) is not None:
                yield f"{key} answers differently by where the caller is"


RULE = Rule(
    id="residency.latency-dns",
    title="No latency or geographic DNS",
    reason="Latency, geolocation and geoproximity records send some callers to another region.",
    source="https://docs.aws.amazon.com/Route53/latest/DeveloperGuide/routing-policy.html",
    controls=("PDPL-22", "HEALTH-13", "CBUAE-6.1"),
    types=(
        "AWS::Route53::RecordSet",
        "AWS::Route53::RecordSetGroup",
        "AWS::Route53::HealthCheck",
    ),
    check=_check,
)
