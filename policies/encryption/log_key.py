"""Log groups encrypt under the customer's key."""

from collections.abc import Iterator

from policies.application import Resource, View
from policies.rule import Rule
from policies.values import is_customers_key


def _check(resource: Resource, view: View) -> Iterator[str]:
    del view
    if not is_customers_key(resource.properties.get("KmsKeyId")):
        yield "it has no KmsKeyId; name a customer key"


RULE = Rule(
    id="encryption.log-key",
    title="Logs are encrypted under a customer key",
    reason="Logs tell who asked what; whoever reads them should need the customer's key.",
    source="https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/encrypt-log-data-kms.html",
    controls=("PDPL-20", "ISO-8.24", "IAR-T7", "ISO-8.15"),
    types=("AWS::Logs::LogGroup",),
    check=_check,
)
