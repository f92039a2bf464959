"""Every stack says that it goes to the region."""

from collections.abc import Iterator

from falaj.contract import REGION
from policies.application import Resource, View
from policies.rule import Rule


def _check(resource: Resource, view: View) -> Iterator[str]:
    del view
    region = resource.properties.get("Region")
    if region != REGION:
        yield f"its region is {region or 'not said'}; it must be {REGION}"


RULE = Rule(
    id="residency.stack-region",
    title="No environment-agnostic stack",
    reason="A stack without a region goes wherever the operator's shell points that day.",
    source="https://docs.aws.amazon.com/cdk/v2/guide/environments.html",
    controls=("PDPL-22", "HEALTH-13", "CBUAE-6.1", "ISO-8.9"),
    types=("Falaj::Stack",),
    check=_check,
)
