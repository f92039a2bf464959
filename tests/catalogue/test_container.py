"""Promise: a service without a GPU is described in a few words, and what cannot be is refused."""

import pytest

from catalogue.compute import Compute, Fallback, ServingEngine, Target
from catalogue.container import MEMORY_GIB, ContainerService
from catalogue.errors import InvalidSpecError
from catalogue.gpu import GpuInstances, GpuService
from catalogue.spec import SequencePolicy
from tests.catalogue.test_spec import minimal, refused

CONTAINER = {"target": Target.CONTAINER}


def test_two_words_make_a_service():
    """One vCPU, ONNX Runtime, one replica at rest and at most two."""
    compute = Compute(target=Target.CONTAINER)
    assert (compute.is_service, compute.has_function, compute.service) == (
        True,
        False,
        ContainerService(),
    )
    assert (compute.container.vcpus, compute.container.max_replicas) == (1, 2)


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        (
            {"engine": ServingEngine.OPENVINO},
            "engine: openvino does not run on lambda; set target: container, or engine: onnx",
        ),
        (
            {"target": Target.GPU, "engine": ServingEngine.OPENVINO},
            (
                "engine: openvino does not run on gpu; "
                "set target: container, or engine: onnx or triton"
            ),
        ),
        (
            {**CONTAINER, "engine": ServingEngine.TRITON},
            (
                "engine: triton does not run on container; "
                "set target: gpu, or engine: onnx or openvino"
            ),
        ),
        (
            {**CONTAINER, "gpu": GpuService(instances=GpuInstances(max_replicas=3))},
            "gpu: belongs to target: gpu; remove it",
        ),
        (
            {"target": Target.GPU, "container": ContainerService(vcpus=2, memory_gib=4)},
            "container: belongs to target: container; remove it",
        ),
        (
            {**CONTAINER, "memory_mib": 4096},
            "memory_mib: belongs to target: lambda or fallback: lambda; write container.memory_gib",
        ),
        (
            {**CONTAINER, "min_warm": 1},
            "min_warm: belongs to target: lambda or fallback: lambda; remove it",
        ),
        (
            {"fallback": Fallback.LAMBDA},
            "fallback: belongs to target: gpu and target: container; remove it",
        ),
    ],
)
def test_what_has_no_place_is_refused_with_its_mend(settings, sentence):
    """Nothing that is written is silently without effect."""
    assert refused(lambda: Compute(**settings)) == [sentence]


def test_a_fallback_has_memory_of_its_own():
    """The function that stands in is sized as functions are."""
    compute = Compute(**CONTAINER, fallback=Fallback.LAMBDA, memory_mib=4096)
    assert compute.has_function


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"vcpus": 3}, "vcpus: Fargate has no replica of 3; write one of 1, 2, 4, 8, 16"),
        (
            {"vcpus": 8, "memory_gib": 17},
            (
                "memory_gib: Fargate gives 16 to 60 GiB in steps of 4 beside 8 vCPU; "
                "write one of these"
            ),
        ),
        (
            {"min_replicas": 3},
            "max_replicas: it is below min_replicas (3); raise it",
        ),
    ],
)
def test_a_size_that_fargate_does_not_have_is_refused(settings, sentence):
    """ECS would refuse the task definition, minutes into the deployment."""
    assert refused(lambda: ContainerService(**settings)) == [sentence]


@pytest.mark.parametrize("vcpus", MEMORY_GIB)
def test_every_size_of_the_table_is_taken(vcpus):
    """From the least to the most memory that stands beside its processors."""
    for memory_gib in MEMORY_GIB[vcpus]:
        assert ContainerService(vcpus=vcpus, memory_gib=memory_gib).memory_gib == memory_gib


def test_a_state_needs_one_replica_here_too():
    """The mend names this target's own settings."""
    with pytest.raises(InvalidSpecError) as refusal:
        minimal(compute=Compute(**CONTAINER), sequence=SequencePolicy(state=("a=b",)))
    assert "compute.container.max_replicas: 1 and compute.container.deployment: rolling" in str(
        refusal.value
    )
