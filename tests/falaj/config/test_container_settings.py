"""A container's environment is read once; every fault is told."""

import pytest

from falaj.config.container import ContainerSettings
from falaj.errors import ConfigurationError


def test_everything_is_read():
    """Each variable lands in its setting."""
    settings = ContainerSettings.from_env(
        {
            "FALAJ_MODEL_ROOT": "/models",
            "FALAJ_HTTP_PORT": "0",
            "FALAJ_GRPC_PORT": "off",
            "FALAJ_PROVIDERS": "tensorrt, cuda",
            "FALAJ_PROVIDER_FALLBACK": "allow",
            "FALAJ_PRECISION": "fp16",
        }
    )
    assert (settings.http_port, settings.grpc_port, settings.admin_port) == (0, None, None)
    assert settings.providers == ("tensorrt", "cuda")
    assert (settings.may_fall_back, settings.precision) == (True, "fp16")


def test_every_fault_is_told_at_once():
    """Five wrong settings are five sentences."""
    with pytest.raises(ConfigurationError) as caught:
        ContainerSettings.from_env(
            {
                "FALAJ_HTTP_PORT": "70000",
                "FALAJ_PROVIDERS": "cuda,cuda",
                "FALAJ_PRECISION": "int8",
                "FALAJ_DRAIN_S": "-1",
            }
        )
    assert len(caught.value.faults) == 5


@pytest.mark.parametrize(
    ("providers", "precision", "said"),
    [
        ("cuda,openvino", "fp32", "openvino first, and none behind it but cpu"),
        ("openvino", "fp16", "fp32 or bf16"),
        ("cpu", "bf16", "FALAJ_PROVIDERS=openvino"),
    ],
)
def test_openvino_and_its_precision_go_together(providers, precision, said):
    """It is an engine of its own; bfloat16 is its, and halves are TensorRT's."""
    found = {"FALAJ_PROVIDERS": providers, "FALAJ_PRECISION": precision}
    with pytest.raises(ConfigurationError, match=said):
        ContainerSettings.from_env({"FALAJ_MODEL_ROOT": "/models", **found})


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_openvino_computes_in_bfloat16_by_name_only(precision):
    """With and without ONNX Runtime behind it."""
    found = {"FALAJ_PROVIDERS": "openvino,cpu", "FALAJ_PRECISION": precision}
    settings = ContainerSettings.from_env({"FALAJ_MODEL_ROOT": "/models", **found})
    assert (settings.providers, settings.precision) == (("openvino", "cpu"), precision)
