"""What a container's environment says, read once and checked as a whole."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Self

from falaj import contract
from falaj.domain.publisher import FINGERPRINT_MEND, is_fingerprint
from falaj.errors import ConfigurationError

_PORTS: Final = 65_535
PROVIDERS: Final = ("tensorrt", "cuda", "openvino", "cpu")
PRECISIONS: Final = ("fp32", "fp16")


@dataclass(frozen=True, slots=True, kw_only=True)
class ContainerSettings:
    """A container's environment.

    Attributes:
        model_root: Folder of `<name>/<version>/manifest.json`.
        model_name: The model that `/invocations` runs; empty for the only one there is.
        host: Address to listen on.
        http_port: REST; Triton's default is 8000, 0 takes any free one.
        grpc_port: gRPC; Triton's default is 8001; None for none.
        admin_port: Administration, on 127.0.0.1 only; None for none.
        release: What the image is called in answers.
        threads: Threads inside one operator; 0 for one for each core.
        providers: Execution providers in order of preference.
        may_fall_back: Whether a provider that cannot be had is done without.
        precision: What TensorRT computes in.
        engine_cache: Folder of TensorRT's built engines; empty to build them at each start.
        drain_s: How long a stopping container goes on answering.
        agent_uri: ECS's agent, which hears whether the container may be stopped; empty elsewhere.
        publisher_key: Fingerprint of the key that signed the manifests; empty believes the folder,
            which the image does not do.
    """

    model_root: str
    model_name: str = ""
    host: str = "127.0.0.1"
    http_port: int = 8000
    grpc_port: int | None = 8001
    admin_port: int | None = None
    release: str = "local"
    threads: int = 0
    providers: tuple[str, ...] = ("cpu",)
    may_fall_back: bool = False
    precision: str = "fp32"
    engine_cache: str = ""
    drain_s: float = 25.0
    agent_uri: str = ""
    publisher_key: str = ""

    @classmethod
    def from_env(cls, environment: Mapping[str, str] | None = None) -> Self:
        """Read and check every setting.

        Args:
            environment: What to read instead of the process's own.

        Raises:
            ConfigurationError: With every fault found.
        """
        env = os.environ if environment is None else environment  # noqa: TID251 - read here
        faults: list[str] = []
        if not env.get(contract.ENV_MODEL_ROOT):
            faults.append(f"{contract.ENV_MODEL_ROOT} names the folder of models; it is not set")
        read = cls(
            model_root=env.get(contract.ENV_MODEL_ROOT, ""),
            model_name=env.get(contract.ENV_MODEL_NAME, ""),
            host=env.get(contract.ENV_HOST, "127.0.0.1"),
            http_port=_number(env, contract.ENV_HTTP_PORT, 8000, _PORTS, faults) or 0,
            grpc_port=_number(env, contract.ENV_GRPC_PORT, 8001, _PORTS, faults),
            admin_port=_number(env, contract.ENV_ADMIN_PORT, None, _PORTS, faults),
            release=env.get(contract.ENV_RELEASE, "local"),
            threads=_number(env, contract.ENV_THREADS, 0, 1024, faults) or 0,
            providers=_words(env, contract.ENV_PROVIDERS, PROVIDERS, faults),
            may_fall_back=_choice(env, contract.ENV_PROVIDER_FALLBACK, ("refuse", "allow"), faults)
            == "allow",
            precision=_choice(env, contract.ENV_PRECISION, PRECISIONS, faults),
            engine_cache=env.get(contract.ENV_ENGINE_CACHE, ""),
            agent_uri=env.get(contract.ENV_AGENT_URI, ""),
            drain_s=_number(env, contract.ENV_DRAIN_S, 25, 3600, faults) or 0,
            publisher_key=env.get(contract.ENV_PUBLISHER_KEY, ""),
        )
        if read.publisher_key and not is_fingerprint(read.publisher_key):
            faults.append(
                f"{contract.ENV_PUBLISHER_KEY}={read.publisher_key[:80]!r}: {FINGERPRINT_MEND}"
            )
        if faults:
            raise ConfigurationError(faults)
        return read


def _number(
    env: Mapping[str, str], name: str, default: int | None, largest: int, faults: list[str]
) -> int | None:
    text = env.get(name, "")
    if not text:
        return default
    if text == "off" and name in {contract.ENV_GRPC_PORT, contract.ENV_ADMIN_PORT}:
        return None
    if (
        not (text.isascii() and text.isdigit())
        or len(text) > len(str(largest))
        or (int(text) > largest)
    ):
        faults.append(f"{name}={text[:40]!r}: a whole number from 0 to {largest}")
        return default
    return int(text)


def _choice(env: Mapping[str, str], name: str, choices: tuple[str, ...], faults: list[str]) -> str:
    found = env.get(name) or choices[0]
    if found not in choices:
        faults.append(f"{name}={found!r}: one of {', '.join(choices)}")
    return found


def _words(
    env: Mapping[str, str], name: str, choices: tuple[str, ...], faults: list[str]
) -> tuple[str, ...]:
    words = tuple(word.strip() for word in (env.get(name) or "cpu").split(","))
    if not set(words) <= set(choices) or len(set(words)) != len(words):
        faults.append(f"{name}={','.join(words)!r}: some of {', '.join(choices)}, each once")
    return words
