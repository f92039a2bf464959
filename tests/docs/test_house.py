"""Promise: what a clone needs is pinned, comes from its owner's index, and CI tests all of it."""

import re
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[2]
PINS = [
    *sorted(REPOSITORY.glob("requirements*.txt")),
    *sorted(REPOSITORY.glob("layers/*/requirements.txt")),
    *sorted(REPOSITORY.glob("gpu_endpoints/requirements*.txt")),
]


def requirements(file):
    """Every requirement of a file with its options, comments left out."""
    text = re.sub(r"(?m)(^|\s)#.*$", "", file.read_text(encoding="utf-8")).replace("\\\n", " ")
    return [line.strip() for line in text.splitlines() if line.strip()]


def test_there_are_pins():
    """Of what runs, of what develops, and of every layer of others' code."""
    named = {str(file.relative_to(REPOSITORY)) for file in PINS}
    assert {"requirements.txt", "requirements-dev.txt", "layers/onnx/requirements.txt"} <= named


@pytest.mark.parametrize("file", PINS, ids=lambda file: str(file.relative_to(REPOSITORY)))
def test_every_pin_is_one_version_with_hashes(file):
    """Nothing that another day would install something else for."""
    pins = requirements(file)
    assert pins
    assert [pin for pin in pins if not re.match(r"[\w.\[\],-]+==\S+ .*--hash=sha256:", pin)] == []


@pytest.mark.parametrize("file", PINS, ids=lambda file: str(file.relative_to(REPOSITORY)))
def test_no_pin_carries_an_address(file):
    """An owner's own mirror serves as well as the public index."""
    text = file.read_text(encoding="utf-8")
    assert re.findall(r"://|--(?:extra-)?index|--find-links|--trusted-host| @ ", text) == []


def test_ci_runs_what_a_person_runs():
    """One command, which holds all tests of `make test`."""
    assert "make check" in (REPOSITORY / ".ci" / "run").read_text(encoding="utf-8").splitlines()
    makefile = (REPOSITORY / "Makefile").read_text(encoding="utf-8")
    (needs,) = re.findall(r"(?m)^check: ([\w ]+)", makefile)
    assert "test" in needs.split()
