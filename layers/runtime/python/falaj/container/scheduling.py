"""How a worker runs its requests, in the words of Triton's model configuration.

Clients read it to know what they may send: `perf_analyzer` takes batches from `max_batch_size`, ids
of sequences from `sequence_batching` and the models inside an ensemble from its steps.

Source:
    Triton, "Model Configuration" (model_configuration.md: maximum batch size, scheduling and
    batching, response cache) and model_config.proto, where one scheduling excludes the others.
"""

from typing import Any

from falaj.batching.policy import BatchPolicy
from falaj.config.serving import ModelServing
from falaj.container.worker import Worker
from falaj.domain.signature import ModelSignature
from falaj.domain.tensors import DYNAMIC
from falaj.engines.ensemble import EnsembleEngine

_US = 1_000_000


def scheduling_of(worker: Worker, part: ModelServing) -> dict[str, Any]:
    """Write the scheduling fields of `ModelConfig`.

    `max_batch_size` stands there only where each tensor's first size is the batch's, since that is
    what it means: sizes then leave it out.

    Args:
        worker: Runs the model.
        part: What `serving.json` says of it.
    """
    policy = worker.policy
    is_joining = policy.is_joining and _has_rows_first(worker.model.manifest.signature)
    config: dict[str, Any] = {"max_batch_size": policy.max_batch_size if is_joining else 0}
    engine = worker.model.engine
    if isinstance(engine, EnsembleEngine):
        config["ensemble_scheduling"] = {
            "step": [
                {
                    "model_name": step.model,
                    "model_version": step.version,
                    "input_map": dict(step.inputs),
                    "output_map": dict(step.outputs),
                }
                for step in engine.steps
            ]
        }
    elif part.states:
        idle = {"max_sequence_idle_microseconds": int(part.idle_s * _US)}
        config["sequence_batching"] = idle
    elif is_joining:
        config["dynamic_batching"] = _gathering(policy)
    if worker.cache is not None:
        config["response_cache"] = {"enable": True}
    return config


def _gathering(policy: BatchPolicy) -> dict[str, Any]:
    return {
        "preferred_batch_size": list(policy.preferred_batch_sizes),
        "max_queue_delay_microseconds": policy.max_queue_delay_microseconds or 0,
        "default_queue_policy": {"max_queue_size": policy.capacity},
    }


def _has_rows_first(signature: ModelSignature) -> bool:
    shapes = [spec.shape for spec in (*signature.inputs, *signature.outputs)]
    return signature.batching.batch_axis == 0 and all(
        shape and shape[0] == DYNAMIC for shape in shapes
    )
