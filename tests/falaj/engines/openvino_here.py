"""Whether there is a wheel of OpenVINO for this Python and machine."""

from importlib import import_module
from pathlib import Path

import pytest
from packaging.requirements import Requirement

LISTED = Path(__file__).parents[3] / "requirements-dev.in"


def has_a_wheel():
    """Whether OpenVINO must be installed here."""
    lines = LISTED.read_text().splitlines()
    (line,) = [line for line in lines if line.startswith("openvino;")]
    marker = Requirement(line.partition("  #")[0]).marker
    return marker is None or marker.evaluate()


def skip_without_a_wheel():
    """Skip the module that calls this, unless OpenVINO must be installed here.

    Our engine comes first, which keeps the part of OpenVINO from loading that tells of its use.
    """
    if not has_a_wheel():
        pytest.skip("there is no wheel of openvino for this machine", allow_module_level=True)
    import_module("falaj.engines.openvino")
