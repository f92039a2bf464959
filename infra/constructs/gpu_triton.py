"""NVIDIA's Triton as the server of a replica.

Source:
    docs.nvidia.com/deeplearning/triton-inference-server/user-guide/docs (tritonserver --help:
    `--model-repository`, `--exit-on-error`, `--disable-auto-complete-config`,
    `--exit-timeout-secs`, `--cache-config`); user_guide/metrics.html (port 8002).
"""

from typing import Final

from catalogue.spec import ModelSpec
from falaj.contract import (
    ENV_ENDPOINT,
    ENV_MODEL_NAME,
    ENV_RELEASE,
    GRPC_PORT,
    HTTP_PORT,
    SERVER_MODEL_ROOT,
)
from infra.constructs.gpu_targets import DRAIN_S
from infra.constructs.gpu_task import Server

METRICS_PORT: Final = 8002
CACHE_BYTES: Final = 64 * 1024 * 1024
HEALTH: Final = (
    "CMD",
    "curl",
    "--fail",
    "--silent",
    f"http://127.0.0.1:{HTTP_PORT}/v2/health/live",
)


def triton_server(spec: ModelSpec, image: str, release: str) -> Server:
    """Return the server with its command, and the container that tells its metrics.

    Args:
        spec: The model.
        image: Triton's image in this account's registry.
        release: What the release is called.
    """
    cache = [f"--cache-config=local,size={CACHE_BYTES}"] if spec.cache.enabled else []
    return Server(
        image=image,
        command=[
            "tritonserver",
            f"--model-repository={SERVER_MODEL_ROOT}",
            # What config.pbtxt does not say is not to be guessed.
            "--disable-auto-complete-config",
            "--exit-on-error=true",
            f"--exit-timeout-secs={DRAIN_S}",
            f"--http-port={HTTP_PORT}",
            f"--grpc-port={GRPC_PORT}",
            f"--metrics-port={METRICS_PORT}",
            *cache,
        ],
        environment={ENV_RELEASE: release},
        health=HEALTH,
        memory_mib=spec.compute.memory_mib,
        is_read_only=False,
        beats={
            ENV_MODEL_NAME: spec.name,
            ENV_RELEASE: release,
            ENV_ENDPOINT: f"http://127.0.0.1:{METRICS_PORT}",
        },
    )
