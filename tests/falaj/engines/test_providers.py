"""What a container asks its runtime for, and that it gets it or does not start."""

from types import SimpleNamespace

import pytest

from falaj.engines.providers import (
    CPU,
    CUDA,
    TENSORRT,
    ProviderPlan,
    achieved,
    missing_providers,
    provider_options,
    session_for,
)
from falaj.errors import ConfigurationError
from tests.falaj.onnx_models import linear


def test_tensorrt_gets_its_precision_and_cache():
    """FP16 and the engine cache are passed as ONNX Runtime spells them, the CPU comes last."""
    plan = ProviderPlan(wanted=("tensorrt", "cuda"), precision="fp16", engine_cache="/cache")
    options = provider_options(plan)
    assert [name for name, _ in options] == [TENSORRT, CUDA, CPU]
    assert options[0][1] == {
        "trt_fp16_enable": "1",
        "trt_engine_cache_enable": "1",
        "trt_engine_cache_path": "/cache",
        "trt_timing_cache_enable": "1",
        "trt_timing_cache_path": "/cache",
    }


def test_a_session_on_the_cpu_says_so():
    """The provider that is achieved is reported."""
    session = session_for(ProviderPlan(), name="rows", model=linear(), threads=1)
    assert achieved(ProviderPlan(), session, model="rows") == (CPU,)


def test_a_silent_fall_back_is_a_failure_unless_allowed():
    """A runtime that has CUDA's provider but no device answers from the CPU: not here."""
    fallen = SimpleNamespace(get_providers=lambda: [CPU])
    with pytest.raises(ConfigurationError, match="would run on CPUExecutionProvider"):
        achieved(ProviderPlan(wanted=("cuda",)), fallen, model="rows")
    allowed = ProviderPlan(wanted=("cuda",), may_fall_back=True)
    assert achieved(allowed, fallen, model="rows") == (CPU,)


def test_a_runtime_without_the_provider_is_named():
    """Which wheel is wrong is said before anything loads; allowed, the CPU serves."""
    plan = ProviderPlan(wanted=("tensorrt",))
    assert missing_providers(plan, [CPU]) == [TENSORRT]
    with pytest.raises(ConfigurationError, match="not in the onnxruntime that is installed"):
        session_for(plan, name="rows", model=linear(), threads=1)
    allowed = ProviderPlan(wanted=("tensorrt",), may_fall_back=True)
    session = session_for(allowed, name="rows", model=linear(), threads=1)
    assert session.get_providers() == [CPU]
