"""Buckets encrypt under the customer's key."""

from collections.abc import Iterator

from policies.application import Resource, View
from policies.rule import Rule
from policies.values import at, is_customers_key, items


def _check(resource: Resource, view: View) -> Iterator[str]:
    del view
    rules = items(at(resource.properties, "BucketEncryption.ServerSideEncryptionConfiguration"))
    defaults = [at(rule, "ServerSideEncryptionByDefault") for rule in rules]
    if not defaults or not all(map(_is_ours, defaults)):
        yield "its objects are not under a customer key; name one in KMSMasterKeyID"


def _is_ours(default: object) -> bool:
    # AES256 beside a key's name is S3's own key all the same.
    is_kms = str(at(default, "SSEAlgorithm") or "aws:kms").startswith("aws:kms")
    return is_kms and is_customers_key(at(default, "KMSMasterKeyID"))


RULE = Rule(
    id="encryption.bucket-key",
    title="Buckets are encrypted under a customer key",
    reason=(
        "Under the customer's own key, access to data ends when the key says so, and every "
        "use is recorded."
    ),
    source="https://docs.aws.amazon.com/AmazonS3/latest/userguide/UsingKMSEncryption.html",
    controls=("PDPL-20", "ISO-8.24", "IAR-T7"),
    types=("AWS::S3::Bucket",),
    check=_check,
)
