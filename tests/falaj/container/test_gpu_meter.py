"""The GPU's utilisation, read through NVML's own calling convention."""

import ctypes
import json
from datetime import UTC, datetime

from falaj.container.gpu_meter import SUCCESS, GpuMeter, Utilisation, open_meter, utilisation_line

NO_DRIVER = 9


class Nvml:
    """The three functions of libnvidia-ml that are called, writing through pointers as it does."""

    def __init__(self, *, percent=37, init=SUCCESS, read=SUCCESS):
        self.percent, self.init, self.read, self.asked = percent, init, read, []

    def nvmlInit_v2(self):  # noqa: N802 - NVML's name
        """Open the driver."""
        return self.init

    def nvmlDeviceGetHandleByIndex_v2(self, index, handle):  # noqa: N802 - NVML's name
        """Find a device."""
        self.asked.append(index)
        ctypes.cast(handle, ctypes.POINTER(ctypes.c_void_p))[0] = ctypes.c_void_p(0xD0)
        return SUCCESS

    def nvmlDeviceGetUtilizationRates(self, device, rates):  # noqa: N802 - NVML's name
        """Write both rates of a device."""
        assert device.value == 0xD0
        ctypes.cast(rates, ctypes.POINTER(Utilisation))[0] = Utilisation(self.percent, 90)
        return self.read


def test_the_meter_reads_the_replicas_one_gpu():
    """The share of kernels is what scaling follows, not the memory's."""
    nvml = Nvml(percent=37)
    assert GpuMeter(nvml).percent() == 37
    assert nvml.asked == [0]


def test_what_cannot_be_read_is_no_number():
    """A driver that fails leaves the metric without data; it never reads as an idle GPU."""
    assert GpuMeter(Nvml(init=NO_DRIVER)).percent() is None
    assert GpuMeter(Nvml(read=NO_DRIVER)).percent() is None


def test_without_a_driver_there_is_no_meter():
    """This machine's loader finds no such library, or finds a real one."""

    def absent(name):
        raise OSError(name)

    assert open_meter(absent) is None
    found = open_meter()
    assert found is None or found.percent() is None or 0 <= found.percent() <= 100


def test_the_metric_has_the_dimension_that_scaling_tracks():
    """One dimension, the model: the average over its samples is the average replica."""
    line = json.loads(utilisation_line("vision", 37, datetime(2026, 11, 22, tzinfo=UTC)))
    (directive,) = line["_aws"]["CloudWatchMetrics"]
    assert (directive["Namespace"], directive["Dimensions"]) == ("Falaj", [["Model"]])
    assert (line["Model"], line["GpuUtilisation"]) == ("vision", 37)
