"""The breaker function's environment, read once."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Self
from urllib.parse import urlsplit

from falaj import contract
from falaj.errors import ConfigurationError

PARTS_OF_SERVICE: Final = 2


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
        env = os.environ if environment is None else environment  # noqa: TID251 - read here
        faults = [
            f"{name} is not set; the stack of the GPU service sets it"
            for name in (contract.ENV_MODEL_NAME, contract.ENV_ENDPOINT)
            if not env.get(name)
        ]
        endpoint = env.get(contract.ENV_ENDPOINT, "").rstrip("/")
        url = urlsplit(endpoint)
        if endpoint and not (url.scheme in {"http", "https"} and url.hostname and not url.path):
            faults.append(f"{contract.ENV_ENDPOINT}={endpoint[:80]!r}: write http(s)://host[:port]")
        server_name = env.get(contract.ENV_SERVER_NAME, "")
        if url.scheme == "https" and not server_name:
            faults.append(f"{contract.ENV_SERVER_NAME} is not set, and the endpoint speaks TLS")
        woken = env.get(contract.ENV_SERVICE, "").split("/")
        if woken != [""] and (len(woken) != PARTS_OF_SERVICE or not all(woken)):
            faults.append(f"{contract.ENV_SERVICE}={'/'.join(woken)[:80]!r}: write cluster/service")
        if faults:
            raise ConfigurationError(faults)
        return cls(
            model=env[contract.ENV_MODEL_NAME],
            endpoint=endpoint,
            server_name=server_name,
            fallback=env.get(contract.ENV_FALLBACK, ""),
            cluster=woken[0],
            service=woken[1] if len(woken) == PARTS_OF_SERVICE else "",
        )
