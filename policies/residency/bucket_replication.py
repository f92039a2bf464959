"""Buckets are not copied."""

from collections.abc import Iterator

from policies.application import Resource, View
from policies.rule import Rule


def _check(resource: Resource, view: View) -> Iterator[str]:
    del view
    if resource.type != "AWS::S3::Bucket":
        yield "it routes requests to buckets in several regions"
    elif resource.properties.get("ReplicationConfiguration"):
        yield "ReplicationConfiguration copies its objects to another bucket; remove it"


RULE = Rule(
    id="residency.bucket-replication",
    title="No replication of a bucket",
    reason="Replication copies every object to a bucket that may lie in another region or account.",
    source="https://docs.aws.amazon.com/AmazonS3/latest/userguide/replication.html",
    controls=("PDPL-22", "HEALTH-13", "CBUAE-6.1", "CBUAE-6.3"),
    types=("AWS::S3::Bucket", "AWS::S3::MultiRegionAccessPoint*"),
    check=_check,
)
