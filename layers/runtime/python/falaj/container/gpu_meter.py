"""How busy the GPU is, by NVIDIA's own management library, where there is one.

The driver puts `libnvidia-ml.so.1` into every container that is given a GPU. Three of its functions
are called, so the library is loaded as it is rather than through a package. Like all that only a
GPU can exercise, reading a real one has not been measured; tests pass a library of their own.

Source:
    docs.nvidia.com/deploy/nvml-api/group__nvmlDeviceQueries.html (nvmlDeviceGetUtilizationRates:
    `gpu`, "percent of time over the past sample period during which one or more kernels was
    executing"; nvmlDeviceGetHandleByIndex_v2) and group__nvmlInitializationAndCleanup.html.
"""

import ctypes
import json
from collections.abc import Callable
from datetime import datetime
from typing import Any, Final

from falaj import contract

LIBRARY: Final = "libnvidia-ml.so.1"
SUCCESS: Final = 0
OWN: Final = 0
"""A replica has one GPU, and sees no other."""


class Utilisation(ctypes.Structure):
    """NVML's `nvmlUtilization_t`."""

    _fields_ = (("gpu", ctypes.c_uint), ("memory", ctypes.c_uint))


class GpuMeter:
    """Reads the one GPU of this container.

    Args:
        library: NVML, loaded.
    """

    def __init__(self, library: Any) -> None:  # noqa: ANN401 - a C library has no type
        self._library = library
        self._device = ctypes.c_void_p()
        self._is_open = (
            library.nvmlInit_v2() == SUCCESS
            and library.nvmlDeviceGetHandleByIndex_v2(OWN, ctypes.byref(self._device)) == SUCCESS
        )

    def percent(self) -> int | None:
        """Return the share of the time that kernels ran, or None where it cannot be known."""
        if not self._is_open:
            return None
        read = Utilisation()
        done = self._library.nvmlDeviceGetUtilizationRates(self._device, ctypes.byref(read))
        return int(read.gpu) if done == SUCCESS else None


def open_meter(load: Callable[[str], Any] = ctypes.CDLL) -> GpuMeter | None:
    """Open NVML; None where there is no driver."""
    try:
        return GpuMeter(load(LIBRARY))
    except OSError:
        return None


def utilisation_line(model: str, percent: int, at: datetime) -> str:
    """Write the metric that scaling follows."""
    metric = {"Name": contract.METRIC_GPU_UTILISATION, "Unit": "Percent"}
    values = {
        "_aws": {
            "Timestamp": int(at.timestamp() * 1000),
            "CloudWatchMetrics": [
                {
                    "Namespace": contract.METRIC_NAMESPACE,
                    "Dimensions": [[contract.DIMENSION_MODEL]],
                    "Metrics": [metric],
                }
            ],
        },
        contract.DIMENSION_MODEL: model,
        contract.METRIC_GPU_UTILISATION: percent,
    }
    return json.dumps(values) + "\n"
