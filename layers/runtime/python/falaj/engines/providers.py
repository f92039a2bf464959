"""Execution providers of a container: asked for, asserted, never silently another.

Everything that only an accelerator can exercise is in this module. What runs on a GPU here has not
been measured on one: the tests run the CPU provider, and check what is passed for the others.

Sources:
    onnxruntime.ai/docs/execution-providers/TensorRT-ExecutionProvider.html (`trt_fp16_enable`,
    `trt_engine_cache_enable`, `trt_engine_cache_path`, `trt_timing_cache_enable`). OpenVINO is an
    engine of its own: `falaj.engines.openvino`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, Protocol

import onnxruntime as ort  # type: ignore[import-untyped]

from falaj.domain.published import OPENVINO_PLATFORM
from falaj.engines.engine import Engine
from falaj.engines.onnx import OnnxEngine
from falaj.errors import ConfigurationError, UnsupportedModelError

TENSORRT: Final = "TensorrtExecutionProvider"
CUDA: Final = "CUDAExecutionProvider"
CPU: Final = "CPUExecutionProvider"

NAMES: Final[Mapping[str, str]] = {
    "tensorrt": TENSORRT,
    "cuda": CUDA,
    "cpu": CPU,
}
"""Our words and ONNX Runtime's."""

OPENVINO: Final = "openvino"
"""Our word for the engine that is not ONNX Runtime."""
_MEND: Final = "change FALAJ_PROVIDERS, or set FALAJ_PROVIDER_FALLBACK=allow"


class PlacedEngine(Engine, Protocol):
    """An engine that says where it computes."""

    @property
    def providers(self) -> tuple[str, ...]:
        """Execution providers in use, in order of preference."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderPlan:
    """What a container is to run on.

    Attributes:
        wanted: Our words for providers, in order of preference.
        may_fall_back: Whether to go on without one that cannot be had.
        precision: `fp32`; `fp16` lets TensorRT compute in halves, `bf16` OpenVINO in bfloat16.
        engine_cache: Folder of TensorRT's built engines and timings; empty for none.
    """

    wanted: tuple[str, ...] = ("cpu",)
    may_fall_back: bool = False
    precision: str = "fp32"
    engine_cache: str = ""


def computing_of(engine: PlacedEngine) -> dict[str, Any]:
    """Write what a model's configuration says of what computes it, by Triton's names.

    Args:
        engine: As it was achieved, which may not be what was asked for first.
    """
    is_openvino = engine.providers[0].startswith("OpenVINO:")
    return {
        "backend": OPENVINO if is_openvino else "onnxruntime",
        "parameters": {"execution_providers": {"string_value": ",".join(engine.providers)}},
        **({"platform": OPENVINO_PLATFORM} if is_openvino else {}),
    }


def provider_options(plan: ProviderPlan) -> list[tuple[str, dict[str, str]]]:
    """What ONNX Runtime is asked for, the CPU always last since operators may need it.

    Example:
        >>> provider_options(ProviderPlan(wanted=("tensorrt",)))[0][1]["trt_fp16_enable"]
        '0'
    """
    options: dict[str, dict[str, str]] = {NAMES[word]: _options(word, plan) for word in plan.wanted}
    options.setdefault(CPU, {})
    return list(options.items())


def missing_providers(plan: ProviderPlan, available: Sequence[str]) -> list[str]:
    """Providers that are wanted and not built into the runtime that is installed."""
    return [NAMES[word] for word in plan.wanted if NAMES[word] not in available]


def achieved(plan: ProviderPlan, session: Any, *, model: str) -> tuple[str, ...]:  # noqa: ANN401 - untyped
    """The providers a session runs on.

    ONNX Runtime writes a warning and goes on without a provider whose libraries or device are
    missing. That is a start-up failure here, unless allowed.

    Raises:
        ConfigurationError: One that is wanted is not among them.
    """
    found = tuple(session.get_providers())
    absent = [NAMES[word] for word in plan.wanted if NAMES[word] not in found]
    if absent and not plan.may_fall_back:
        reason = (
            f"model '{model}' was to run on {', '.join(absent)}, and would run on "
            f"{', '.join(found)}: install the provider's libraries and device, change "
            "FALAJ_PROVIDERS, or set FALAJ_PROVIDER_FALLBACK=allow"
        )
        raise ConfigurationError([reason])
    return found


def engine_for(plan: ProviderPlan, *, name: str, model: bytes, threads: int) -> PlacedEngine:
    """An engine on the planned providers.

    Raises:
        ConfigurationError: A provider cannot be had.
        ArtefactError: The bytes are no model that is loaded.
        UnsupportedModelError: OpenVINO was asked for, and does not serve this one.
    """
    if OPENVINO in plan.wanted:
        try:
            return _on_openvino(plan, name=name, model=model, threads=threads)
        except (ConfigurationError, UnsupportedModelError):
            if not plan.may_fall_back:
                raise
        plan = replace(plan, wanted=("cpu",), precision="fp32")
    return OnnxEngine(
        name=name,
        model=model,
        make_session=lambda held: session_for(plan, name=name, model=held, threads=threads),
    )


def _on_openvino(plan: ProviderPlan, *, name: str, model: bytes, threads: int) -> PlacedEngine:
    try:
        # Imported only where it is wanted: 115 modules in 0.3 s, in an image of their own.
        from falaj.engines.openvino import OpenVinoEngine  # noqa: PLC0415
    except ImportError as error:
        reason = f"openvino is not installed ({error}): use the image made for it, {_MEND}"
        raise ConfigurationError([reason]) from error
    try:
        return OpenVinoEngine(name=name, model=model, threads=threads, precision=plan.precision)
    except UnsupportedModelError as error:
        raise UnsupportedModelError(
            artefact=error.artefact, reason=f"not for OpenVINO: {error.reason}; {_MEND}"
        ) from error


def session_for(
    plan: ProviderPlan, *, name: str, model: bytes, threads: int
) -> ort.InferenceSession:
    """A session on the planned providers.

    Raises:
        ConfigurationError: A provider cannot be had.
    """
    available = ort.get_available_providers()
    missing = missing_providers(plan, available)
    if missing and not plan.may_fall_back:
        reason = (
            f"{', '.join(missing)} is not in the onnxruntime that is installed, which has "
            f"{', '.join(available)}: use the image made for it, change FALAJ_PROVIDERS, or "
            "set FALAJ_PROVIDER_FALLBACK=allow"
        )
        raise ConfigurationError([reason])
    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 4
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    providers = [(held, values) for held, values in provider_options(plan) if held in available]
    session = ort.InferenceSession(model, options, providers=providers)
    achieved(plan, session, model=name)
    # A provider that fails later must be an error, not another provider.
    session.disable_fallback()
    return session


def _options(word: str, plan: ProviderPlan) -> dict[str, str]:
    if word == "tensorrt":
        cache = {
            "trt_engine_cache_enable": "1",
            "trt_engine_cache_path": plan.engine_cache,
            "trt_timing_cache_enable": "1",
            "trt_timing_cache_path": plan.engine_cache,
        }
        half = "1" if plan.precision == "fp16" else "0"
        return {"trt_fp16_enable": half, **(cache if plan.engine_cache else {})}
    return {}
