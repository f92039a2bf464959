"""What the environment of a gate before another server says, read once and checked as a whole."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Self
from urllib.parse import urlsplit

from falaj import contract
from falaj.config.environment import Environment

_PORTS: Final = 65_535
_LONGEST_S: Final = 3600
_MOST_PLACES: Final = 100_000
_DIGEST: Final = re.compile(r"(\d{1,9})=([0-9a-f]{64})")


@dataclass(frozen=True, slots=True, kw_only=True)
class GateSettings:
    """A gate's environment.

    Attributes:
        model_name: The one model behind it.
        version: The version that answers who names none.
        digests: sha256 of each served version's model, hex, by version.
        endpoint: Host and port where the server behind answers REST.
        grpc_endpoint: `host:port` where it answers gRPC.
        host: Address to listen on.
        http_port: REST; 0 takes any free one.
        grpc_port: gRPC; 0 takes any free one.
        release: What runs.
        timeout_s: How long an answer may take.
        places: How many requests are let through at a time.
        drain_s: How long a stopping gate goes on answering.
        capture: Path of the parameters that hold tenants' keys; empty where nobody records.
        has_ranks: Whether tenants have priorities, which say who is refused first.
    """

    model_name: str
    version: str
    digests: Mapping[str, str] = field(default_factory=dict)
    endpoint: tuple[str, int] = ("127.0.0.1", 8003)
    grpc_endpoint: str = "127.0.0.1:8004"
    host: str = "127.0.0.1"
    http_port: int = contract.HTTP_PORT
    grpc_port: int = contract.GRPC_PORT
    release: str = "local"
    timeout_s: float = 30.0
    places: int = 128
    drain_s: float = 25.0
    capture: str = ""
    has_ranks: bool = False

    @classmethod
    def from_env(cls, environment: Mapping[str, str] | None = None) -> Self:
        """Read and check every setting.

        Args:
            environment: What to read instead of the process's own.

        Raises:
            ConfigurationError: With every fault found.
        """
        env = Environment(environment)
        digests = _digests(env)
        version = env.needed(contract.ENV_MODEL_VERSION, "the version that answers who names none")
        if digests and version and version not in digests:
            env.blame(contract.ENV_MODEL_VERSION, version, f"one of {', '.join(digests)}")
        read = cls(
            model_name=env.needed(contract.ENV_MODEL_NAME, "the model behind the gate"),
            version=version,
            digests=digests,
            endpoint=_endpoint(env),
            grpc_endpoint=env.needed(
                contract.ENV_GRPC_ENDPOINT, "host:port where the server behind answers gRPC"
            ),
            host=env.text(contract.ENV_HOST, "127.0.0.1"),
            http_port=env.number_or(contract.ENV_HTTP_PORT, contract.HTTP_PORT, most=_PORTS),
            grpc_port=env.number_or(contract.ENV_GRPC_PORT, contract.GRPC_PORT, most=_PORTS),
            release=env.text(contract.ENV_RELEASE, "local"),
            timeout_s=env.number_or(contract.ENV_TIMEOUT_S, 30, least=1, most=_LONGEST_S),
            places=env.number_or(contract.ENV_PLACES, 128, least=1, most=_MOST_PLACES),
            drain_s=env.number_or(contract.ENV_DRAIN_S, 25, most=_LONGEST_S),
            capture=env.text(contract.ENV_CAPTURE),
            has_ranks=env.choice(contract.ENV_RANKS, ("tenants", "none"), "none") == "tenants",
        )
        env.check()
        return read


def _endpoint(env: Environment) -> tuple[str, int]:
    name = contract.ENV_ENDPOINT
    value = env.needed(name, "http://host:port of the server behind the gate")
    found = urlsplit(value)
    try:
        port = found.port
    except ValueError:
        port = None
    if value and (found.scheme != "http" or not found.hostname or port is None or found.path):
        env.blame(name, value, "http://host:port, with nothing after it")
    return found.hostname or "", port or 0


def _digests(env: Environment) -> dict[str, str]:
    name = contract.ENV_DIGESTS
    value = env.needed(name, "version=sha256 of each served version, joined by commas")
    found = [_DIGEST.fullmatch(part.strip()) for part in value.split(",")] if value else []
    if None in found:
        env.blame(name, value, "version=sha256 (64 hex digits) of each, joined by commas")
    return {each[1]: each[2] for each in found if each is not None}
