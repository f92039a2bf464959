"""Functions run our layers only."""

from collections.abc import Iterator
from typing import Final

from policies.application import Resource, View
from policies.rule import Rule
from policies.values import items

_ACCOUNT: Final = 4
"""Where an ARN names the account."""


def _check(resource: Resource, view: View) -> Iterator[str]:
    for layer in items(resource.properties.get("Layers")):
        parts = str(layer).split(":")
        if len(parts) > _ACCOUNT and view.is_foreign(parts[_ACCOUNT]):
            yield (
                f"layer {layer} belongs to account {parts[_ACCOUNT]}; build it into a layer of ours"
            )


RULE = Rule(
    id="residency.foreign-layer",
    title="No layer of another account",
    reason="A layer's code runs inside the function; its owner can see all that the function sees.",
    source="https://docs.aws.amazon.com/lambda/latest/dg/adding-layers.html",
    controls=("CBUAE-6.3", "ISO-5.23", "ISO-8.12"),
    types=("AWS::Lambda::Function",),
    check=_check,
)
