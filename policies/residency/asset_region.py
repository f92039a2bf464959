"""Code and images are uploaded to the region."""

import re
from collections.abc import Iterator
from typing import Final

from falaj.contract import REGION
from policies.application import Resource, View
from policies.rule import Rule

_ACCOUNT: Final = re.compile(r"(?<!\d)\d{12}(?!\d)")


def _check(resource: Resource, view: View) -> Iterator[str]:
    for asset in resource.properties.get("Assets", ()):
        # Where the stack itself has no region, residency.stack-region says so.
        region = asset.get("region") or (
            REGION if resource.properties.get("Region") != REGION else ""
        )
        if region not in {REGION, "${AWS::Region}"}:
            yield f"an asset is uploaded to {region or 'wherever the shell of the day points'}"
        for account in _ACCOUNT.findall(f"{asset.get('assumeRoleArn')} {asset.get('bucketName')}"):
            if view.is_foreign(account):
                yield f"an asset is uploaded to account {account}, which is not this one"


RULE = Rule(
    id="residency.asset-region",
    title="No asset for another region",
    reason=(
        "Assets are model bytes and code; the asset manifest decides to which region they are sent."
    ),
    source="https://docs.aws.amazon.com/cdk/v2/guide/assets.html",
    controls=("PDPL-22", "HEALTH-13", "CBUAE-6.1", "ISO-8.9"),
    types=("Falaj::Stack",),
    check=_check,
)
