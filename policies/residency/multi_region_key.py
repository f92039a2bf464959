"""Keys exist in one region only."""

import re
from collections.abc import Iterator
from typing import Final

from policies.application import Resource, View
from policies.rule import ALL, Rule
from policies.values import is_off

_NAMED: Final = re.compile(r"\bmrk-[0-9a-f]{32}\b|(?i:\bkms:ReplicateKey\b)")
"""A multi-Region key's id says that it is one.

Source: docs.aws.amazon.com/kms/latest/developerguide/mrk-how-it-works.html, read 2026-11-22.
"""


def _check(resource: Resource, view: View) -> Iterator[str]:
    del view
    for path, text in resource.texts:
        if _NAMED.search(text):
            yield f"{path} names a multi-Region key, or the right to make one: {text}"
    if not resource.type.startswith("AWS::KMS::"):
        return
    if resource.properties.get("Origin") == "EXTERNAL_KEY_STORE":
        yield "its material lies in a key store outside AWS; let KMS make it"
    if resource.type == "AWS::KMS::ReplicaKey" or not is_off(
        resource.properties.get("MultiRegion")
    ):
        yield (
            "it is a multi-Region key; MultiRegion must be false, and that cannot be changed later"
        )


RULE = Rule(
    id="residency.multi-region-key",
    title="No multi-Region KMS key",
    reason=(
        "A multi-Region key's material can be copied to any region, and what it encrypts can "
        "be opened there."
    ),
    source="https://docs.aws.amazon.com/kms/latest/developerguide/multi-region-keys-overview.html",
    controls=("PDPL-22", "HEALTH-13", "CBUAE-6.1", "ISO-8.24"),
    types=ALL,
    check=_check,
)
