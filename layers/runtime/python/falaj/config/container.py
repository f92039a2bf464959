"""What a container's environment says, read once and checked as a whole."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Self

from falaj import contract
from falaj.config.environment import Environment
from falaj.domain.publisher import FINGERPRINT_MEND, is_fingerprint

_PORTS: Final = 65_535
PROVIDERS: Final = ("tensorrt", "cuda", "openvino", "cpu")
PRECISIONS: Final = ("fp32", "fp16", "bf16")


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
        precision: What TensorRT (`fp16`) or OpenVINO (`bf16`) computes in, if not in `fp32`.
        engine_cache: Folder of TensorRT's built engines; empty to build them at each start.
        drain_s: How long a stopping container goes on answering.
        agent_uri: ECS's agent, which hears whether the container may be stopped; empty elsewhere.
        publisher_key: Fingerprint of the key that signed the manifests; empty believes the folder,
            which the image does not do.
        capture: Path of the parameters that hold tenants' keys, where each request leaves a record
            for auditors; empty where nobody records.
        has_ranks: Whether tenants have priorities, which say who leaves a full queue first.
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
        read = cls(
            model_root=env.needed(contract.ENV_MODEL_ROOT, "the folder of models"),
            model_name=env.text(contract.ENV_MODEL_NAME),
            host=env.text(contract.ENV_HOST, "127.0.0.1"),
            http_port=env.number_or(contract.ENV_HTTP_PORT, 8000, most=_PORTS),
            grpc_port=_port_or_off(env, contract.ENV_GRPC_PORT, 8001),
            admin_port=_port_or_off(env, contract.ENV_ADMIN_PORT, None),
            release=env.text(contract.ENV_RELEASE, "local"),
            threads=env.number_or(contract.ENV_THREADS, 0, most=1024),
            providers=_providers(env),
            may_fall_back=env.choice(contract.ENV_PROVIDER_FALLBACK, ("refuse", "allow"), "refuse")
            == "allow",
            precision=env.choice(contract.ENV_PRECISION, PRECISIONS, PRECISIONS[0]),
            engine_cache=env.text(contract.ENV_ENGINE_CACHE),
            agent_uri=env.text(contract.ENV_AGENT_URI),
            drain_s=env.number_or(contract.ENV_DRAIN_S, 25, most=3600),
            publisher_key=env.text(contract.ENV_PUBLISHER_KEY),
            capture=env.text(contract.ENV_CAPTURE),
            has_ranks=env.choice(contract.ENV_RANKS, ("tenants", "none"), "none") == "tenants",
        )
        if read.publisher_key and not is_fingerprint(read.publisher_key):
            env.blame(contract.ENV_PUBLISHER_KEY, read.publisher_key, FINGERPRINT_MEND)
        _blame_what_does_not_fit(env, read)
        env.check()
        return read


def _port_or_off(env: Environment, name: str, default: int | None) -> int | None:
    if env.text(name) == "off":
        return None
    found = env.number(name, least=0, most=_PORTS, others="off")
    return default if found is None else found


def _providers(env: Environment) -> tuple[str, ...]:
    name = contract.ENV_PROVIDERS
    words = tuple(word.strip() for word in env.text(name, "cpu").split(","))
    if not set(words) <= set(PROVIDERS) or len(set(words)) != len(words):
        env.blame(name, ",".join(words), f"some of {', '.join(PROVIDERS)}, each once")
    return words


def _blame_what_does_not_fit(env: Environment, read: ContainerSettings) -> None:
    """OpenVINO is an engine of its own, with ONNX Runtime's CPU behind it at most."""
    is_openvino = "openvino" in read.providers
    if is_openvino and read.providers not in {("openvino",), ("openvino", "cpu")}:
        said = ",".join(read.providers)
        env.blame(contract.ENV_PROVIDERS, said, "openvino first, and none behind it but cpu")
    if is_openvino and read.precision == "fp16":
        env.blame(
            contract.ENV_PRECISION, "fp16", "fp32 or bf16, which is what OpenVINO computes in"
        )
    if not is_openvino and read.precision == "bf16":
        env.blame(contract.ENV_PRECISION, "bf16", "OpenVINO's; set FALAJ_PROVIDERS=openvino")
