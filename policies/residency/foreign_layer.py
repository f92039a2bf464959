"""Functions run our layers and our code only."""

from collections.abc import Iterator
from typing import Final

from policies.application import Resource, View
from policies.references import left_open
from policies.rule import Rule
from policies.values import at, items

_ACCOUNT: Final = 4
"""Where an ARN names the account."""


def _check(resource: Resource, view: View) -> Iterator[str]:
    for layer in map(str, items(resource.properties.get("Layers"))):
        parts = layer.split(":")
        if len(parts) > _ACCOUNT and view.is_foreign(parts[_ACCOUNT]):
            yield (
                f"layer {layer} belongs to account {parts[_ACCOUNT]}; build it into a layer of ours"
            )
        for name in left_open(layer, view):
            yield f"layer {layer} is decided by {name} at deployment; build it into a layer of ours"
    bucket = str(
        at(resource.properties, "Code.S3Bucket")
        or at(resource.properties, "Content.S3Bucket")
        or ""
    )
    if bucket and not _is_ours(bucket, view):
        yield f"its code comes from bucket {bucket}, which is not this deployment's"


def _is_ours(bucket: str, view: View) -> bool:
    listed = {str(asset.get("bucketName")) for asset in view.stack.assets}
    own = view.stack.account or "${AWS::AccountId}"
    return bucket in listed or own in bucket or ("${" in bucket and not left_open(bucket, view))


RULE = Rule(
    id="residency.foreign-layer",
    title="No layer and no code of another account",
    reason="A layer's code runs inside the function; its owner can see all that the function sees.",
    source="https://docs.aws.amazon.com/lambda/latest/dg/adding-layers.html",
    controls=("CBUAE-6.3", "ISO-5.23", "ISO-8.12"),
    types=("AWS::Lambda::Function", "AWS::Lambda::LayerVersion"),
    check=_check,
)
