"""Uploads do not go round the world."""

from collections.abc import Iterator

from policies.application import Resource, View
from policies.rule import Rule
from policies.values import at


def _check(resource: Resource, view: View) -> Iterator[str]:
    del view
    status = at(resource.properties, "AccelerateConfiguration.AccelerationStatus")
    if status not in (None, "Suspended"):
        yield f"AccelerationStatus is {status}; remove it"


RULE = Rule(
    id="residency.transfer-acceleration",
    title="No S3 Transfer Acceleration",
    reason="An accelerated bucket takes uploads in at CloudFront's edge locations.",
    source="https://docs.aws.amazon.com/AmazonS3/latest/userguide/transfer-acceleration.html",
    controls=("PDPL-22", "HEALTH-13", "CBUAE-6.1"),
    types=("AWS::S3::Bucket",),
    check=_check,
)
