"""Rules between a specification and what registration measured; infra asks before it synthesizes.

`catalogue.spec` refuses what is wrong in model.yaml alone. These need the built versions too.
"""

from collections.abc import Iterator, Sequence

from catalogue.spec import ModelSpec
from falaj.domain.manifest import Manifest


def manifest_faults(spec: ModelSpec, manifests: Sequence[Manifest]) -> Iterator[str]:
    """Yield every reason why these versions cannot be served as the specification says.

    Args:
        spec: The model.
        manifests: Its served versions, the default one first.
    """
    yield from signature_faults(manifests)
    for manifest in manifests:
        yield from batching_faults(spec, manifest)


def batching_faults(spec: ModelSpec, manifest: Manifest) -> Iterator[str]:
    """Refuse batching of a version whose answers depend on who else is in the batch."""
    if spec.batching is None or manifest.signature.batching.is_safe:
        return
    found = (
        "its requests cannot be joined"
        if manifest.signature.batching.batch_axis is None
        else "an answer depends on the other requests of its batch"
    )
    yield (
        f"batching is written, but registration of version {manifest.version} found that {found}; "
        "remove batching from model.yaml"
    )


def signature_faults(manifests: Sequence[Manifest]) -> Iterator[str]:
    """Refuse versions of one name that take or give different tensors."""
    first, *others = manifests
    for other in others:
        for side in ("inputs", "outputs"):
            if getattr(first.signature, side) != getattr(other.signature, side):
                yield (
                    f"versions {first.version} and {other.version} differ in their {side}; "
                    "clients of one name need one contract, so give the other a name of its own"
                )
