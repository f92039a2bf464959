"""Tables encrypt under the customer's key."""

from collections.abc import Iterator

from policies.application import Resource, View
from policies.rule import Rule
from policies.values import at, is_customers_key, is_true, items


def _check(resource: Resource, view: View) -> Iterator[str]:
    del view
    is_on = is_true(at(resource.properties, "SSESpecification.SSEEnabled"))
    keys = [
        at(resource.properties, "SSESpecification.KMSMasterKeyId"),
        *(
            at(replica, "SSESpecification.KMSMasterKeyId")
            for replica in items(resource.properties.get("Replicas"))
        ),
    ]
    if not (is_on and any(map(is_customers_key, keys))):
        yield "it is not under a customer key; set SSEEnabled and KMSMasterKeyId"


RULE = Rule(
    id="encryption.table-key",
    title="Tables are encrypted under a customer key",
    reason="Without a key of the customer's, AWS alone decides who can read a table.",
    source="https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/EncryptionAtRest.html",
    controls=("PDPL-20", "ISO-8.24", "IAR-T7"),
    types=("AWS::DynamoDB::Table", "AWS::DynamoDB::GlobalTable"),
    check=_check,
)
