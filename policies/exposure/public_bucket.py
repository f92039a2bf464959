"""Buckets can never be made public."""

from collections.abc import Iterator
from typing import Final

from policies.application import Resource, View
from policies.rule import Rule
from policies.values import at, is_true

_FLAGS: Final = (
    "BlockPublicAcls",
    "BlockPublicPolicy",
    "IgnorePublicAcls",
    "RestrictPublicBuckets",
)


def _check(resource: Resource, view: View) -> Iterator[str]:
    del view
    for flag in _FLAGS:
        if not is_true(at(resource.properties, f"PublicAccessBlockConfiguration.{flag}")):
            yield f"{flag} is not on"


RULE = Rule(
    id="exposure.public-bucket",
    title="Buckets block all public access",
    reason="One wrong policy or ACL would publish every object.",
    source=(
        "https://docs.aws.amazon.com/AmazonS3/latest/userguide/"
        "access-control-block-public-access.html"
    ),
    controls=("PDPL-20", "ISO-5.15", "ISO-8.3", "IAR-T5", "ISO-8.12"),
    types=("AWS::S3::Bucket",),
    check=_check,
)
