"""NVIDIA's Triton as the server of a replica, and the gate that stands before it in its task.

Triton asks nobody who calls, counts no tenant and writes no record; the gate does (decision record
0027). The load balancer knows the gate's ports alone, and Triton listens on 127.0.0.1, which the
containers of one task share.

Source:
    docs.nvidia.com/deeplearning/triton-inference-server/user-guide/docs (tritonserver --help:
    `--model-repository`, `--cache-config`; the others: catalogue.triton_server);
    docs.aws.amazon.com/AmazonECS/latest/developerguide/task-networking-awsvpc.html ("containers
    that belong to the same task can communicate over the localhost interface").
"""

from collections.abc import Mapping
from typing import Final

from catalogue.spec import ModelSpec
from catalogue.triton_server import (
    ADDRESS,
    GRPC_PORT as INNER_GRPC_PORT,
    HTTP_PORT as INNER_HTTP_PORT,
    METRICS_PORT,
    server_command,
)
from falaj.contract import (
    ENV_DIGESTS,
    ENV_DRAIN_S,
    ENV_ENDPOINT,
    ENV_GRPC_ENDPOINT,
    ENV_GRPC_PORT,
    ENV_HOST,
    ENV_HTTP_PORT,
    ENV_MODEL_NAME,
    ENV_MODEL_VERSION,
    ENV_PLACES,
    ENV_RELEASE,
    ENV_TIMEOUT_S,
    GRPC_PORT,
    HTTP_PORT,
    SERVER_MODEL_ROOT,
)
from infra.constructs.gpu_targets import DRAIN_S
from infra.constructs.gpu_task import Server

CACHE_BYTES: Final = 64 * 1024 * 1024
PLACES: Final = 128
"""Where a model's requests are not joined, Triton's queue has no end; the gate gives it one."""
HEALTH: Final = (
    "CMD",
    "curl",
    "--fail",
    "--silent",
    f"http://{ADDRESS}:{INNER_HTTP_PORT}/v2/health/live",
)


def triton_server(spec: ModelSpec, image: str, release: str, *, gate: Mapping[str, str]) -> Server:
    """Return the server with its command, its gate, and the container that tells its metrics.

    Args:
        spec: The model.
        image: Triton's image in this account's registry.
        release: What the release is called.
        gate: Settings of the gate: what it stands before, whom it asks, and what it records.
    """
    cache = [f"--cache-config=local,size={CACHE_BYTES}"] if spec.cache.enabled else []
    return Server(
        image=image,
        command=[
            "tritonserver",
            f"--model-repository={SERVER_MODEL_ROOT}",
            *server_command(exit_timeout_s=DRAIN_S),
            *cache,
        ],
        environment={ENV_RELEASE: release},
        health=HEALTH,
        memory_mib=spec.compute.memory_mib,
        is_read_only=False,
        beats={
            ENV_MODEL_NAME: spec.name,
            ENV_RELEASE: release,
            ENV_ENDPOINT: f"http://{ADDRESS}:{METRICS_PORT}",
        },
        gate={**gate, ENV_RELEASE: release},
    )


def gate_environment(spec: ModelSpec, digests: Mapping[int, str]) -> dict[str, str]:
    """Return what the gate is told of the server behind it.

    Args:
        spec: The model.
        digests: sha256 of each version's model, hex, from its signed manifest.
    """
    told = ",".join(f"{version}={digest}" for version, digest in sorted(digests.items()))
    return {
        ENV_MODEL_NAME: spec.name,
        ENV_MODEL_VERSION: str(spec.version),
        ENV_DIGESTS: told,
        ENV_ENDPOINT: f"http://{ADDRESS}:{INNER_HTTP_PORT}",
        ENV_GRPC_ENDPOINT: f"{ADDRESS}:{INNER_GRPC_PORT}",
        ENV_HOST: "0.0.0.0",  # noqa: S104 - the task's own network interface
        ENV_HTTP_PORT: str(HTTP_PORT),
        ENV_GRPC_PORT: str(GRPC_PORT),
        ENV_TIMEOUT_S: str(spec.compute.timeout_s),
        ENV_PLACES: str(_places(spec)),
        ENV_DRAIN_S: str(DRAIN_S),
    }


def _places(spec: ModelSpec) -> int:
    """As many as Triton lets wait, and those that it computes meanwhile."""
    policy = spec.batching
    if policy is None:
        return PLACES
    return policy.max_queue_size + policy.max_batch_size * spec.compute.gpu.executions
