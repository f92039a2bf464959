"""NVIDIA's server as a replica starts it: reached from its own task alone.

Source:
    `tritonserver --help` of 2.51 (nvidia-pytriton 0.7.0), read 2026-11-22: `--http-address` and
    `--grpc-address` are 0.0.0.0 and `--metrics-address` is the first one's unless said otherwise;
    `--disable-auto-complete-config`, `--exit-on-error`, `--exit-timeout-secs`, `--allow-sagemaker`,
    `--allow-vertex-ai`. docs.nvidia.com/deeplearning/triton-inference-server/user-guide/docs/
    user_guide/metrics.html (port 8002).
"""

from typing import Final

ADDRESS: Final = "127.0.0.1"
"""What containers of one task share, and nobody else reaches."""
HTTP_PORT: Final = 8003
GRPC_PORT: Final = 8004
METRICS_PORT: Final = 8002


def server_command(
    *,
    http_port: int = HTTP_PORT,
    grpc_port: int = GRPC_PORT,
    metrics_port: int = METRICS_PORT,
    exit_timeout_s: int = 25,
) -> list[str]:
    """Return the options that say where it listens and how it starts and ends.

    Args:
        http_port: REST.
        grpc_port: gRPC.
        metrics_port: Prometheus's page.
        exit_timeout_s: How long requests under way are answered after it was asked to end.
    """
    return [
        # What config.pbtxt does not say is not to be guessed.
        "--disable-auto-complete-config",
        "--exit-on-error=true",
        f"--exit-timeout-secs={exit_timeout_s}",
        f"--http-address={ADDRESS}",
        f"--grpc-address={ADDRESS}",
        f"--metrics-address={ADDRESS}",
        f"--http-port={http_port}",
        f"--grpc-port={grpc_port}",
        f"--metrics-port={metrics_port}",
        "--allow-sagemaker=false",
        "--allow-vertex-ai=false",
    ]
