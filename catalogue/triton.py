"""`engine: triton`: NVIDIA Triton's model repository, written from model.yaml and the manifests.

A configuration is made as Triton's own protobuf message and printed by protobuf itself: a key that
Triton does not know cannot be written, and what is printed is read back before it is returned.

Source:
    docs.nvidia.com/deeplearning/triton-inference-server/user-guide/docs/user_guide/
    model_configuration.html (dims leave out the batch axis where max_batch_size is not 0;
    instance groups; response cache), batcher.html (dynamic and sequence batching),
    …/onnxruntime_backend/README.html (TensorRT as execution accelerator: `precision_mode`,
    `trt_engine_cache_enable`, `trt_engine_cache_path`), model_repository.html.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from google.protobuf import json_format, text_format

from catalogue.compute import ServingEngine
from catalogue.gpu import Precision, Provider
from catalogue.spec import ModelSpec
from falaj.container.grpc.messages import message
from falaj.domain.manifest import Manifest
from falaj.domain.tensors import DYNAMIC, Datatype, TensorSpec
from falaj.errors import ConfigurationError

CONFIG_FILE: Final = "config.pbtxt"
ENGINE_CACHE: Final = "/cache"
BACKEND: Final = "onnxruntime"
WARM_SIZE: Final = 1
"""Size given to dimensions that a model leaves open while it is warmed up."""
_US: Final = 1_000_000

_TYPES: Final[dict[Datatype, str]] = {
    Datatype.BYTES: "TYPE_STRING",
    **{each: f"TYPE_{each.value}" for each in Datatype if each is not Datatype.BYTES},
}


def triton_config(spec: ModelSpec, manifests: Sequence[Manifest]) -> str:
    """Write a model's config.pbtxt.

    Args:
        spec: The model; `compute.engine` need not be triton, so that it can be looked at before.
        manifests: Its served versions, the default one first.

    Raises:
        ConfigurationError: Triton cannot serve it as it is declared, with every reason.
    """
    faults = triton_faults(spec, manifests)
    if faults:
        raise ConfigurationError(faults)
    signature = manifests[0].signature
    joins = spec.batching is not None
    states = {name for pair in spec.states for name in pair}
    inputs = [item for item in signature.inputs if item.name not in states]
    outputs = [item for item in signature.outputs if item.name not in states]
    document: dict[str, Any] = {
        "name": spec.name,
        "backend": BACKEND,
        "default_model_filename": "model.onnx",
        "max_batch_size": spec.batching.max_batch_size if spec.batching else 0,
        "version_policy": {"specific": {"versions": sorted(spec.versions)}},
        "input": [tensor_config(item, joins=joins) for item in inputs],
        "output": [tensor_config(item, joins=joins) for item in outputs],
        "instance_group": [{"kind": "KIND_GPU", "count": spec.compute.gpu.executions, "gpus": [0]}],
        "optimization": _optimization(spec),
        **({"response_cache": {"enable": True}} if spec.cache.enabled else {}),
        **(_sequences(spec, manifests[0], joins=joins) if spec.states else _batching(spec)),
        # A request out of any sequence would be refused, and one of its own would stay open.
        "model_warmup": []
        if spec.states
        else [_warm_up(inputs, size, joins=joins) for size in sorted(_warm_sizes(spec))],
    }
    return printed(document)


def printed(document: Mapping[str, Any]) -> str:
    r"""Print a configuration, through Triton's message and back.

    Raises:
        ConfigurationError: Triton's protobuf has no such key, or no such value.

    Example:
        >>> printed({"name": "m", "max_batch_size": 8})
        'name: "m"\nmax_batch_size: 8\n'
    """
    kind = message("ModelConfig")
    try:
        made = json_format.ParseDict(dict(document), kind())
        text: str = text_format.MessageToString(made)
        if text_format.Parse(text, kind()) != made:
            raise ConfigurationError([f"{document.get('name')}: its config.pbtxt reads otherwise"])
    except (json_format.ParseError, text_format.ParseError) as error:
        raise ConfigurationError(
            [f"{document.get('name')}: Triton's ModelConfig does not take it ({error})"]
        ) from error
    return text


def triton_faults(
    spec: ModelSpec, manifests: Sequence[Manifest], members: Sequence[Manifest] = ()
) -> list[str]:
    """Return every reason why Triton cannot serve a model as it is declared.

    Args:
        spec: The model.
        manifests: Its served versions, the default one first.
        members: What its ensembles are made of.
    """
    faults = []
    greatest = max(spec.versions)
    if spec.version != greatest:
        faults.append(
            f"Triton answers who names no version with the greatest, {greatest}, and model.yaml "
            f"says {spec.version}; leave greater ones out of also_serve"
        )
    for each in (manifests[0], *members):
        axis = each.signature.batching.batch_axis
        if spec.batching is not None and axis != 0:
            faults.append(
                f"Triton joins requests along the first axis, and {each.name}'s is {axis}; "
                "remove batching, or write engine: onnx"
            )
    if Provider.CPU in spec.compute.gpu.providers:
        faults.append(
            "compute.gpu.providers names cpu, and engine: triton computes on the GPU; remove it"
        )
    if spec.compute.engine is ServingEngine.TRITON and spec.compute.threads != "auto":
        faults.append("compute.threads is the container's; with engine: triton write auto")
    if manifests[0].is_ensemble:
        faults.extend(_ensemble_faults(spec))
    return faults


def _ensemble_faults(spec: ModelSpec) -> Iterator[str]:
    if spec.also_serve:
        yield (
            "Triton has one graph for all versions of an ensemble; leave also_serve out, or write "
            "engine: onnx"
        )
    if spec.cache.enabled:
        yield (
            "cache is enabled, and whether Triton keeps answers of an ensemble depends on its "
            "release; remove it, or write engine: onnx"
        )


def tensor_config(item: TensorSpec, *, joins: bool) -> dict[str, Any]:
    """Describe a tensor to Triton, without its first axis where requests are joined."""
    dims = list(item.shape[1:] if joins else item.shape)
    described: dict[str, Any] = {"name": item.name, "data_type": _TYPES[item.datatype]}
    if dims:
        return described | {"dims": dims}
    # Triton takes no empty dims: a scalar travels as one element and is reshaped on arrival.
    return described | {"dims": [1], "reshape": {"shape": []}}


def _batching(spec: ModelSpec) -> dict[str, Any]:
    policy = spec.batching
    if policy is None:
        return {}
    return {
        "dynamic_batching": {
            "preferred_batch_size": list(policy.preferred_batch_size),
            "max_queue_delay_microseconds": policy.max_queue_delay_microseconds,
            "default_queue_policy": {
                "timeout_action": "REJECT",
                "default_timeout_microseconds": spec.compute.timeout_s * _US,
                "allow_timeout_override": True,
                "max_queue_size": policy.max_queue_size,
            },
        }
    }


def _sequences(spec: ModelSpec, manifest: Manifest, *, joins: bool) -> dict[str, Any]:
    """Let Triton keep the state between requests of one sequence, from zeros."""
    inputs = {item.name: item for item in manifest.signature.inputs}
    policy = spec.sequence
    if policy is None:
        return {}
    states = []
    for given, made in spec.states:
        described = tensor_config(inputs[given], joins=joins)
        described.pop("reshape", None)
        dims = [WARM_SIZE if size == DYNAMIC else size for size in described["dims"]]
        kind = described["data_type"]
        states.append(
            {
                "input_name": given,
                "output_name": made,
                "data_type": kind,
                "dims": described["dims"],
                "initial_state": [
                    {"name": "zeros", "data_type": kind, "dims": dims, "zero_data": True}
                ],
            }
        )
    return {
        "sequence_batching": {
            "max_sequence_idle_microseconds": int(policy.idle.total_seconds()) * _US,
            "oldest": {"max_candidate_sequences": policy.max_sequences},
            "state": states,
        }
    }


def _optimization(spec: ModelSpec) -> dict[str, Any]:
    service = spec.compute.gpu
    if Provider.TENSORRT not in service.providers:
        return {}
    half = service.precision is Precision.FP16
    return {
        "execution_accelerators": {
            "gpu_execution_accelerator": [
                {
                    "name": "tensorrt",
                    "parameters": {
                        "precision_mode": "FP16" if half else "FP32",
                        "trt_engine_cache_enable": "true",
                        "trt_engine_cache_path": ENGINE_CACHE,
                    },
                }
            ]
        }
    }


def _warm_sizes(spec: ModelSpec) -> set[int]:
    policy = spec.batching
    return {1, *policy.preferred_batch_size, policy.max_batch_size} if policy else {0}


def _warm_up(inputs: Sequence[TensorSpec], size: int, *, joins: bool) -> dict[str, Any]:
    described = {item.name: tensor_config(item, joins=joins) for item in inputs}
    return {
        "name": f"rows-{size}",
        "batch_size": size,
        "inputs": {
            name: {
                "data_type": tensor["data_type"],
                "dims": [WARM_SIZE if dim == DYNAMIC else dim for dim in tensor["dims"]],
                "zero_data": True,
            }
            for name, tensor in described.items()
        },
    }
