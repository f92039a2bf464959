"""Nothing in a bucket is lost by writing over it."""

from collections.abc import Iterator

from policies.application import Resource, View
from policies.rule import Rule
from policies.values import at


def _check(resource: Resource, view: View) -> Iterator[str]:
    del view
    if at(resource.properties, "VersioningConfiguration.Status") != "Enabled":
        yield "VersioningConfiguration is not Enabled"


RULE = Rule(
    id="audit.bucket-versioning",
    title="Buckets are versioned",
    reason="Evidence and artefacts that can be overwritten prove nothing.",
    source="https://docs.aws.amazon.com/AmazonS3/latest/userguide/Versioning.html",
    controls=("ISO-8.13", "IAR-T3", "HEALTH-20"),
    types=("AWS::S3::Bucket",),
    check=_check,
)
