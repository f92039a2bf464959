"""The image holds the functions' own code, and everything that code imports."""

import re
import subprocess
import sys
from pathlib import Path

from falaj import contract

ROOT = Path(__file__).parents[2]
DOCKERFILE = (ROOT / "gpu_endpoints/Dockerfile").read_text()
NOT_NEEDED = {"cython_runtime", "opentelemetry"}
"""Cython's own pseudo-module, and tracing that FastAPI or grpcio use if it is there."""


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
    for file in ("requirements.txt", "requirements-cpu.txt"):
        pinned = (ROOT / "gpu_endpoints" / file).read_text()
        names = set(re.findall(r"^([a-z0-9._-]+)==", pinned, re.MULTILINE))
        names |= {name.replace("-", "_") for name in names} | {"onnxruntime"}
        own = {wheels.get(name, name).lower() for name in third if not name.startswith("_")}
        assert own <= names, own - names


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
