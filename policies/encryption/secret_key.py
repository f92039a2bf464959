"""Secrets are under the customer's key."""

from collections.abc import Iterator

from policies.application import Resource, View
from policies.rule import Rule
from policies.values import is_customers_key


def _check(resource: Resource, view: View) -> Iterator[str]:
    del view
    if not is_customers_key(resource.properties.get("KmsKeyId")):
        yield "it has no KmsKeyId of ours; name a customer key"


RULE = Rule(
    id="encryption.secret-key",
    title="Secrets are encrypted under a customer key",
    reason="Under AWS's own key, every principal of the account that may read it may open it.",
    source="https://docs.aws.amazon.com/secretsmanager/latest/userguide/security-encryption.html",
    controls=("PDPL-20", "ISO-8.24", "IAR-T7", "ISO-5.17"),
    types=("AWS::SecretsManager::Secret",),
    check=_check,
)
