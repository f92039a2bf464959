"""The image holds the functions' own code, and everything that code imports."""

import re
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from falaj import contract
from local_region.container_service.image import Image

ROOT = Path(__file__).parents[2]
DOCKERFILE = (ROOT / "gpu_endpoints/Dockerfile").read_text()
FILES = ("requirements.txt", "requirements-cpu.txt", "requirements-openvino.txt")
NOT_NEEDED = {"cython_runtime", "opentelemetry"}
"""Cython's own pseudo-module, and tracing that FastAPI or grpcio use if it is there."""
IMAGE = {
    "extra": "",
    "implementation_name": "cpython",
    "platform_machine": "x86_64",
    "platform_python_implementation": "CPython",
    "platform_system": "Linux",
    "python_full_version": "3.11.9",
    "python_version": "3.11",
    "sys_platform": "linux",
}


def test_the_image_copies_the_layers_own_tree():
    """Layer and container code are one tree: it is copied whole, from the layer's folder."""
    copies = re.findall(r"^COPY (.+) (\S+)$", DOCKERFILE, re.MULTILINE)
    assert ("layers/runtime/python", "/opt/falaj/python") in copies
    sources = [source for froms, _ in copies for source in froms.split() if "$" not in source]
    assert all((ROOT / source).exists() for source in sources)


def test_the_image_has_what_the_container_imports():
    """Every third-party module that a starting container imports is pinned in the image."""
    code = (
        "import sys; before = set(sys.modules)\n"
        "import falaj.entrypoints.container, falaj.container.grpc.server, falaj.container.admin\n"
        "print(*sorted({name.partition('.')[0] for name in set(sys.modules) - before}))"
    )
    env = {"PYTHONPATH": str(ROOT / "layers/runtime/python")}
    found = subprocess.run(
        [sys.executable, "-c", code], env=env, capture_output=True, text=True, check=True
    ).stdout.split()
    third = {name for name in found if name not in sys.stdlib_module_names and name != "falaj"}
    third -= NOT_NEEDED
    wheels = {"grpc": "grpcio", "google": "protobuf", "simdjson": "pysimdjson"}
    for file in FILES:
        pinned = (ROOT / "gpu_endpoints" / file).read_text()
        names = set(re.findall(r"^([a-z0-9._-]+)==", pinned, re.MULTILINE))
        names |= {name.replace("-", "_") for name in names} | {"onnxruntime"}
        own = {wheels.get(name, name).lower() for name in third if not name.startswith("_")}
        assert own <= names, own - names


def pins_of(file):
    """What an image installs, with each line's version and hashes."""
    text = (ROOT / "gpu_endpoints" / file).read_text()
    blocks = re.split(r"\n(?=\S)", re.sub(r"\n    #.*", "", text).strip())
    return {block.partition("==")[0].partition("[")[0]: block.split() for block in blocks}


@pytest.mark.parametrize("file", FILES)
def test_an_images_packages_are_complete(file):
    """It installs what is listed and looks for nothing else (`--no-deps`): nothing is missing."""
    assert "--require-hashes --no-deps" in DOCKERFILE
    without = (ROOT / "gpu_endpoints/requirements-openvino-without.in").read_text().splitlines()
    pins = pins_of(file)
    needed = {
        requirement.name.lower().replace("_", "-")
        for name in pins
        for requirement in map(Requirement, _requires(name))
        if requirement.marker is None or requirement.marker.evaluate(IMAGE)
    }
    assert needed - set(pins) <= set(without[1:])


def _requires(name):
    """What the package asks for, where it is installed here as well."""
    try:
        return metadata.requires(name) or ()
    except metadata.PackageNotFoundError:
        return ()


def test_the_openvino_image_is_the_cpu_image_and_openvino():
    """Nothing else differs, every file is known by its hash, and nothing tells of its use."""
    cpu, openvino = pins_of("requirements-cpu.txt"), pins_of("requirements-openvino.txt")
    added = openvino.pop("openvino")
    assert openvino == cpu
    assert "openvino-telemetry" not in openvino
    assert all(any(word.startswith("--hash=sha256:") for word in pin) for pin in cpu.values())
    assert any(word.startswith("--hash=sha256:") for word in added)


@pytest.mark.parametrize(
    ("arguments", "providers"),
    [
        ({}, "cuda"),
        ({"REQUIREMENTS": "requirements-openvino", "PROVIDERS": "openvino"}, "openvino"),
    ],
)
def test_an_image_computes_on_what_it_was_built_for(tmp_path, arguments, providers):
    """The packages and the provider are chosen together, when the image is built."""
    image = Image.build(ROOT, "gpu_endpoints/Dockerfile", arguments=arguments, into=tmp_path / "i")
    assert image.environment["FALAJ_PROVIDERS"] == providers
    chosen = arguments.get("REQUIREMENTS", "requirements")
    packages = (image.root / "tmp/requirements.txt").read_text()
    assert packages == (ROOT / f"gpu_endpoints/{chosen}.txt").read_text()


def test_a_start_imports_neither_fastapi_nor_boto3():
    """Administration is paid for only where it is wanted."""
    code = "import falaj.entrypoints.container, sys; print(*sys.modules)"
    env = {"PYTHONPATH": str(ROOT / "layers/runtime/python")}
    found = subprocess.run(
        [sys.executable, "-c", code], env=env, capture_output=True, text=True, check=True
    ).stdout.split()
    assert {"fastapi", "pydantic", "boto3", "grpc"} & set(found) == set()


def test_every_setting_has_its_paragraph():
    """What the container reads from its environment is in its reference."""
    source = (ROOT / "layers/runtime/python/falaj/config/container.py").read_text()
    names = {getattr(contract, name) for name in re.findall(r"contract\.(ENV_\w+)", source)}
    text = (ROOT / "docs/reference/container.md").read_text()
    assert [name for name in sorted(names) if f"`{name}`" not in text] == []
