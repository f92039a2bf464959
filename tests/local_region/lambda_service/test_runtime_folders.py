"""A layer built for Lambda runs here, whatever this machine is."""

import json
import subprocess
from pathlib import Path

import pytest
import uv

from local_region.lambda_service.runtime_folders import layer_releases


@pytest.fixture(scope="session")
def foreign_layer(tmp_path_factory) -> Path:
    """A layer with a compiled and a pure wheel for a machine and Python that nobody tests on."""
    layer = tmp_path_factory.mktemp("layer")
    command = [
        uv.find_uv_bin(),
        "pip",
        "install",
        "--quiet",
        "--no-deps",
        "--only-binary=:all:",
        "--python-platform=aarch64-manylinux_2_28",
        "--python-version=3.12",
        f"--target={layer / 'python'}",
        "simplejson==4.3.0",
        "six==1.17.0",
    ]
    subprocess.run(command, check=True, capture_output=True)
    return layer


def test_layer_says_what_it_holds(foreign_layer):
    """Names, versions and whether they load here are read from the wheels' metadata."""
    found = {release.pin: release.fits for release in layer_releases(foreign_layer)}
    assert found == {"simplejson==4.3.0": False, "six==1.17.0": True}


def test_foreign_layer_is_resolved_for_this_machine(foreign_layer, lab):
    """The handler imports the same release, with extensions this interpreter loads."""
    source = """
import simplejson, six
from simplejson import _speedups
def handler(e, c):
    return [simplejson.__version__, six.__version__, _speedups.__file__.rsplit("/", 1)[1]]
"""

    async def act(service):
        service.create_function(lab.settings(source, layers=(foreign_layer,)))
        return await service.invoke("f", None, b"{}")

    simplejson, six, extension = json.loads(lab.run(act).payload)
    assert (simplejson, six) == ("4.3.0", "1.17.0")
    assert "cpython" in extension or "abi3" in extension


def test_layer_that_runs_here_is_used_as_it_is(lab):
    """Pure Python needs nothing installed."""
    layer = lab.folder / "layer"
    (layer / "python").mkdir(parents=True)
    assert lab.runtime.host_layer(layer) == layer


def test_runtime_is_prepared_once(lab):
    """A second start finds the folder and says nothing."""
    said: list[str] = []
    again = type(lab.runtime).prepare(lab.runtime.runtime.parents[1], progress=said.append)
    assert (again.runtime, said) == (lab.runtime.runtime, [])
