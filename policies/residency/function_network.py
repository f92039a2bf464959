"""Functions run inside a network, where the profile has one."""

from collections.abc import Iterator
from typing import Final

from falaj.contract import PROFILE_TAG
from policies.application import Resource, View
from policies.rule import Rule
from policies.values import at

_OPEN: Final = "smb"
"""The one profile without a network: its roles are bounded to the region, its code is not."""


def _check(resource: Resource, view: View) -> Iterator[str]:
    if view.stack.tags.get(PROFILE_TAG) == _OPEN:
        return
    if not at(resource.properties, "VpcConfig.SubnetIds"):
        yield "outside a network its code reaches the whole internet; name isolated SubnetIds"


RULE = Rule(
    id="residency.function-network",
    title="No function outside the network",
    reason=(
        "A function without a network of ours runs in Lambda's own, from which every address of "
        "the internet can be called."
    ),
    source="https://docs.aws.amazon.com/lambda/latest/dg/configuration-vpc-internet.html",
    controls=("PDPL-22", "ISO-8.12", "ISO-8.20", "ISO-8.22", "IAR-T4"),
    types=("AWS::Lambda::Function",),
    check=_check,
)
