"""Keys are renewed every year."""

from collections.abc import Iterator

from policies.application import Resource, View
from policies.rule import Rule
from policies.values import is_true


def _check(resource: Resource, view: View) -> Iterator[str]:
    del view
    spec = resource.properties.get("KeySpec", "SYMMETRIC_DEFAULT")
    if spec == "SYMMETRIC_DEFAULT" and not is_true(resource.properties.get("EnableKeyRotation")):
        yield "EnableKeyRotation is not true"


RULE = Rule(
    id="encryption.key-rotation",
    title="Customer keys rotate",
    reason="A key that never changes protects all data ever written with one secret.",
    source="https://docs.aws.amazon.com/kms/latest/developerguide/rotate-keys.html",
    controls=("PDPL-20", "ISO-8.24", "IAR-T7"),
    types=("AWS::KMS::Key",),
    check=_check,
)
