"""Secrets stay where they are."""

from collections.abc import Iterator

from policies.application import Resource, View
from policies.rule import Rule


def _check(resource: Resource, view: View) -> Iterator[str]:
    del view
    if resource.properties.get("ReplicaRegions"):
        yield "ReplicaRegions copies it to other regions; remove it"


RULE = Rule(
    id="residency.secret-replica",
    title="No replica of a secret",
    reason="A replicated secret can be read in each of its regions.",
    source="https://docs.aws.amazon.com/secretsmanager/latest/userguide/replicate-secrets.html",
    controls=("PDPL-22", "HEALTH-13", "CBUAE-6.1", "ISO-5.17"),
    types=("AWS::SecretsManager::Secret",),
    check=_check,
)
