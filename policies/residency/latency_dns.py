"""Names lead to one place."""

from collections.abc import Iterator

from policies.application import Resource, View
from policies.rule import Rule
from policies.values import at, items


def _check(resource: Resource, view: View) -> Iterator[str]:
    del view
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
    types=("AWS::Route53::RecordSet", "AWS::Route53::RecordSetGroup"),
    check=_check,
)
