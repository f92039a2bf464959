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
