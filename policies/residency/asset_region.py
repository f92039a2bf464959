"""Code and images are uploaded to the region."""

from collections.abc import Iterator

from falaj.contract import REGION
from policies.application import Resource, View
from policies.rule import Rule


def _check(resource: Resource, view: View) -> Iterator[str]:
    del view
    for asset in resource.properties.get("Assets", ()):
        region = asset.get("region", REGION)
        if region not in {REGION, "${AWS::Region}"}:
            yield f"an asset is uploaded to {region}"


RULE = Rule(
    id="residency.asset-region",
    title="No asset for another region",
    reason=(
        "Assets are model bytes and code; the asset manifest decides to which region they are sent."
    ),
    source="https://docs.aws.amazon.com/cdk/v2/guide/assets.html",
    controls=("PDPL-22", "HEALTH-13", "CBUAE-6.1", "ISO-8.9"),
    types=("Falaj::Stack",),
    check=_check,
)
