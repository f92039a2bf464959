"""What registration measured rules out some specifications."""

import pytest

from catalogue.checks import manifest_faults
from catalogue.spec import BatchingPolicy, Compute, ModelSpec, Target
from falaj.domain.manifest import Manifest
from falaj.domain.signature import Batching, ModelSignature
from falaj.domain.tensors import Datatype, TensorSpec


def manifest(version=1, batching=None, columns=3) -> Manifest:
    """A manifest of a model that takes and gives rows."""
    x, y = (
        TensorSpec(name=name, datatype=Datatype.FP32, shape=(-1, columns)) for name in ("x", "y")
    )
    signature = ModelSignature(inputs=(x,), outputs=(y,), batching=batching or Batching())
    return Manifest(
        name="double", version=version, sha256="0" * 64, size_bytes=1, signature=signature
    )


@pytest.fixture
def batched() -> ModelSpec:
    """A specification that asks for batching."""
    return ModelSpec(
        name="double",
        version=1,
        owner="maths",
        description="Doubles",
        compute=Compute(target=Target.GPU),
        batching=BatchingPolicy(),
    )


@pytest.mark.parametrize(
    ("found", "sentence"),
    [
        (Batching(), "its requests cannot be joined"),
        (Batching(batch_axis=0), "depends on the other requests"),
    ],
)
def test_batching_of_a_model_that_does_not_allow_it_is_refused(batched, found, sentence):
    """Nobody's answer may depend on a stranger's request."""
    (fault,) = manifest_faults(batched, [manifest(batching=found)])
    assert sentence in fault


def test_batching_of_a_proven_model_is_taken(batched):
    """Where registration found it safe, it is."""
    safe = Batching(batch_axis=0, batch_invariant=True)
    assert list(manifest_faults(batched, [manifest(batching=safe)])) == []


def test_versions_of_one_name_share_a_contract(batched):
    """A client of a name need not ask which version answers."""
    safe = Batching(batch_axis=0, batch_invariant=True)
    faults = list(manifest_faults(batched, [manifest(batching=safe), manifest(2, safe, columns=4)]))
    assert len(faults) == 2
    assert "versions 1 and 2 differ in their inputs" in faults[0]
