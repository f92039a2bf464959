"""Promise: what is written for Triton is what Triton's own protobuf reads."""

import pytest
from google.protobuf import text_format
from tritonclient.grpc import model_config_pb2

from catalogue.compute import Compute, Fallback, ServingEngine, Target
from catalogue.errors import InvalidSpecError
from catalogue.gpu import GpuInstances, GpuService, Precision, Provider
from catalogue.service import Deployment
from catalogue.spec import BatchingPolicy, CachePolicy, ModelSpec, SequencePolicy
from catalogue.triton import printed, triton_config, triton_faults
from falaj.domain.manifest import Manifest
from falaj.domain.signature import Batching, ModelSignature
from falaj.domain.tensors import Datatype, TensorSpec
from falaj.errors import ConfigurationError

SAFE = Batching(batch_axis=0, pad_allowed=False, batch_invariant=True)


ALONE = GpuService(instances=GpuInstances(max_replicas=1), deployment=Deployment.ROLLING)
"""The only replica there is at any time."""


def tensor(name, *shape, datatype=Datatype.FP32):
    """A tensor's declaration."""
    return TensorSpec(name=name, datatype=datatype, shape=shape)


IMAGE = (tensor("x", -1, 3, 224, 224),)
SCORES = (tensor("y", -1, 10),)


def manifest(*, inputs=IMAGE, outputs=SCORES, **batching):
    """A registered version."""
    signature = ModelSignature(
        inputs=inputs, outputs=outputs, batching=Batching(**batching) if batching else SAFE
    )
    return Manifest(name="vision", version=1, sha256="0" * 64, size_bytes=1, signature=signature)


def spec(*, service=None, **changes):
    """A model on Triton."""
    compute = Compute(target=Target.GPU, engine=ServingEngine.TRITON, gpu=service or GpuService())
    return ModelSpec(
        **{
            "name": "vision",
            "version": 1,
            "owner": "tests",
            "description": "Sees",
            "compute": compute,
            **changes,
        }
    )


def parsed(text):
    """Read a configuration as Triton does, by the generated code of its client."""
    return text_format.Parse(text, model_config_pb2.ModelConfig())


def test_dynamic_batching_carries_every_setting():
    """Sizes, delay, queue and timeout; the batch axis is left out of dims."""
    policy = BatchingPolicy(
        max_batch_size=16,
        preferred_batch_size=(4, 8),
        max_queue_delay_microseconds=1500,
        max_queue_size=64,
    )
    config = parsed(triton_config(spec(batching=policy), [manifest()]))
    assert config.max_batch_size == 16
    assert list(config.input[0].dims) == [3, 224, 224]
    assert list(config.dynamic_batching.preferred_batch_size) == [4, 8]
    assert config.dynamic_batching.max_queue_delay_microseconds == 1500
    assert config.dynamic_batching.default_queue_policy.max_queue_size == 64
    assert config.dynamic_batching.default_queue_policy.default_timeout_microseconds == 10_000_000


def test_without_batching_shapes_are_whole():
    """Triton joins nothing, and every axis is the caller's."""
    config = parsed(triton_config(spec(), [manifest()]))
    assert config.max_batch_size == 0
    assert list(config.input[0].dims) == [-1, 3, 224, 224]
    assert not config.HasField("dynamic_batching")


def test_each_size_is_warmed_up_before_ready():
    """No caller pays for the first run of a batch size."""
    policy = BatchingPolicy(max_batch_size=16, preferred_batch_size=(4,))
    config = parsed(triton_config(spec(batching=policy), [manifest()]))
    assert [warm.batch_size for warm in config.model_warmup] == [1, 4, 16]
    assert all(warm.inputs["x"].zero_data for warm in config.model_warmup)


def test_tensorrt_computes_in_halves_where_it_is_asked_to():
    """FP16 and a cache of engines, in the parameters of the ONNX Runtime backend."""
    service = GpuService(
        providers=(Provider.TENSORRT, Provider.CUDA), precision=Precision.FP16, executions=3
    )
    config = parsed(triton_config(spec(service=service), [manifest()]))
    (accelerator,) = config.optimization.execution_accelerators.gpu_execution_accelerator
    assert dict(accelerator.parameters) == {
        "precision_mode": "FP16",
        "trt_engine_cache_enable": "true",
        "trt_engine_cache_path": "/cache",
    }
    assert (config.instance_group[0].count, list(config.instance_group[0].gpus)) == (3, [0])


def test_every_datatype_has_tritons_name():
    """Strings are TYPE_STRING, all others are called alike."""
    inputs = tuple(
        tensor(f"x{number}", 2, datatype=datatype) for number, datatype in enumerate(Datatype)
    )
    config = parsed(triton_config(spec(), [manifest(inputs=inputs)]))
    names = [model_config_pb2.DataType.Name(each.data_type) for each in config.input]
    assert "TYPE_INVALID" not in names
    assert names[list(Datatype).index(Datatype.BYTES)] == "TYPE_STRING"


def test_a_scalar_is_reshaped_on_arrival():
    """Triton takes no empty dims."""
    config = parsed(triton_config(spec(), [manifest(inputs=(tensor("t"),))]))
    assert list(config.input[0].dims) == [1]
    assert config.input[0].HasField("reshape")


def test_state_stays_with_triton():
    """A stateful model's own inputs are kept from callers, and begin at zero."""
    recurrent = manifest(
        inputs=(tensor("x", -1, 4), tensor("h0", -1, 8)),
        outputs=(tensor("y", -1, 4), tensor("hn", -1, 8)),
    )
    sequence = SequencePolicy(state=("h0=hn",), max_sequences=64)
    config = parsed(triton_config(spec(sequence=sequence, service=ALONE), [recurrent]))
    assert [each.name for each in (*config.input, *config.output)] == ["x", "y"]
    (state,) = config.sequence_batching.state
    assert (state.input_name, state.output_name) == ("h0", "hn")
    assert state.initial_state[0].zero_data is True
    assert config.sequence_batching.oldest.max_candidate_sequences == 64
    assert len(config.model_warmup) == 0


def test_served_versions_and_cache_are_as_declared():
    """No version that happens to lie there, and the cache only where it is on."""
    config = parsed(triton_config(spec(cache=CachePolicy(enabled=True)), [manifest()]))
    assert list(config.version_policy.specific.versions) == [1]
    assert config.response_cache.enable is True


@pytest.mark.parametrize(
    "document", [{"name": "m", "max_batch": 8}, {"name": "m", "max_batch_size": "many"}]
)
def test_what_tritons_protobuf_does_not_know_cannot_be_written(document):
    """A key or value of our invention is an error here, not in a replica."""
    with pytest.raises(ConfigurationError, match="Triton's ModelConfig does not take it"):
        printed(document)


def test_every_reason_against_triton_is_named():
    """The default version, the batch axis, a provider without a GPU."""
    service = GpuService(providers=(Provider.CUDA, Provider.CPU))
    model = spec(service=service, also_serve=(2,), batching=BatchingPolicy())
    faults = triton_faults(model, [manifest(batch_axis=1, batch_invariant=True)])
    assert [
        word in fault for word, fault in zip(("greatest", "first axis", "cpu"), faults, strict=True)
    ] == [
        True,
        True,
        True,
    ]


@pytest.mark.parametrize(
    ("changes", "key"),
    [
        ({"compute": Compute()}, "sequence"),
        (
            {"compute": Compute(target=Target.GPU, fallback=Fallback.LAMBDA, gpu=ALONE)},
            "sequence",
        ),
        ({"service": GpuService(deployment=Deployment.ROLLING)}, "sequence"),
        ({"service": GpuService(instances=GpuInstances(max_replicas=1))}, "sequence"),
    ],
)
def test_sequences_need_a_replica_that_stays(changes, key):
    """Neither a function nor a fallback keeps anybody's state, nor another replica or fleet."""
    with pytest.raises(InvalidSpecError) as refused:
        spec(sequence=SequencePolicy(state=("h0=hn",)), **changes)
    assert [fault.key for fault in refused.value.found] == [key]


@pytest.mark.parametrize("pair", ["h0", "h0 = hn", "=hn", "a=b=c"])
def test_a_state_is_a_pair(pair):
    """Anything else is refused where it is written."""
    with pytest.raises(InvalidSpecError):
        SequencePolicy(state=(pair,))
