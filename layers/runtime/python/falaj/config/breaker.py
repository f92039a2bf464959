"""The breaker function's environment, read once."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self
from urllib.parse import urlsplit

from falaj import contract
from falaj.config.environment import Environment


@dataclass(frozen=True, slots=True, kw_only=True)
class BreakerSettings:
    """What stands behind the function.

    Attributes:
        model: The model.
        endpoint: Where its service answers, without a slash at the end.
        server_name: Name that the endpoint's certificate must hold; empty over plain HTTP.
        fallback: ARN of the alias that answers while the service does not; empty for none.
        cluster: Cluster of the service to wake; empty where replicas are kept.
        service: The service to wake.
    """

    model: str
    endpoint: str
    server_name: str = ""
    fallback: str = ""
    cluster: str = ""
    service: str = ""

    @classmethod
    def from_env(cls, environment: Mapping[str, str] | None = None) -> Self:
        """Read and check every setting.

        Args:
            environment: What to read instead of the process's own.

        Raises:
            ConfigurationError: With every fault found.
        """
        env = Environment(environment)
        model = env.needed(contract.ENV_MODEL_NAME, "the stack of the GPU service sets it")
        endpoint = env.needed(contract.ENV_ENDPOINT, "the stack of the GPU service sets it")
        url = urlsplit(endpoint.rstrip("/"))
        if endpoint and not (url.scheme in {"http", "https"} and url.hostname and not url.path):
            env.blame(contract.ENV_ENDPOINT, endpoint, "write http(s)://host[:port]")
        server_name = env.text(contract.ENV_SERVER_NAME)
        if url.scheme == "https" and not server_name:
            env.faults.append(f"{contract.ENV_SERVER_NAME} is not set, and the endpoint speaks TLS")
        woken = env.text(contract.ENV_SERVICE)
        cluster, _, service = woken.partition("/")
        if woken and not (cluster and service and "/" not in service):
            env.blame(contract.ENV_SERVICE, woken, "write cluster/service")
        env.check()
        return cls(
            model=model,
            endpoint=endpoint.rstrip("/"),
            server_name=server_name,
            fallback=env.text(contract.ENV_FALLBACK),
            cluster=cluster,
            service=service,
        )
