"""Queues encrypt under the customer's key."""

from collections.abc import Iterator

from policies.application import Resource, View
from policies.rule import Rule
from policies.values import is_customers_key


def _check(resource: Resource, view: View) -> Iterator[str]:
    del view
    if not is_customers_key(resource.properties.get("KmsMasterKeyId")):
        yield "it has no KmsMasterKeyId of ours; name a customer key"


RULE = Rule(
    id="encryption.queue-key",
    title="Queues are encrypted under a customer key",
    reason="A queue holds requests, and a dead-letter queue holds those that failed, for days.",
    source=(
        "https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/"
        "sqs-server-side-encryption.html"
    ),
    controls=("PDPL-20", "ISO-8.24", "IAR-T7"),
    types=("AWS::SQS::Queue",),
    check=_check,
)
