"""Buckets encrypt under the customer's key."""

from collections.abc import Iterator

from policies.application import Resource, View
from policies.rule import Rule
from policies.values import at, items


def _check(resource: Resource, view: View) -> Iterator[str]:
    del view
    rules = items(at(resource.properties, "BucketEncryption.ServerSideEncryptionConfiguration"))
    keys = [at(rule, "ServerSideEncryptionByDefault.KMSMasterKeyID") for rule in rules]
    if not keys or not all(keys):
        yield "its objects are not under a customer key; name one in KMSMasterKeyID"


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
