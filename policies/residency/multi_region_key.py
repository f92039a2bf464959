"""Keys exist in one region only."""

from collections.abc import Iterator

from policies.application import Resource, View
from policies.rule import Rule
from policies.values import is_off


def _check(resource: Resource, view: View) -> Iterator[str]:
    del view
    if resource.type == "AWS::KMS::ReplicaKey" or not is_off(
        resource.properties.get("MultiRegion")
    ):
        yield (
            "it is a multi-Region key; MultiRegion must be false, and that cannot be changed later"
        )


RULE = Rule(
    id="residency.multi-region-key",
    title="No multi-Region KMS key",
    reason=(
        "A multi-Region key's material can be copied to any region, and what it encrypts can "
        "be opened there."
    ),
    source="https://docs.aws.amazon.com/kms/latest/developerguide/multi-region-keys-overview.html",
    controls=("PDPL-22", "HEALTH-13", "CBUAE-6.1", "ISO-8.24"),
    types=("AWS::KMS::Key", "AWS::KMS::ReplicaKey"),
    check=_check,
)
