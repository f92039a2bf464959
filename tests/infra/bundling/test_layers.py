"""Promise: layers are built without Docker, hold what running needs, and are built once."""

import json
import subprocess
import sys
from importlib.util import MAGIC_NUMBER
from pathlib import Path

import pytest

from falaj.errors import ConfigurationError
from infra.bundling.bytecode import interpreter_of
from infra.bundling.layers import StagedLayer, stage_packages, stage_runtime
from infra.bundling.target import BuildTarget
from infra.config.deployment import HOST_PYTHON, host_architecture

REPOSITORY = Path(__file__).parents[3]
BUILD = REPOSITORY / ".build"
PINS = {name: REPOSITORY / "layers" / name / "requirements.txt" for name in ("onnx", "api")}
RUNTIME = REPOSITORY / "layers" / "runtime" / "python"

HOST = BuildTarget(architecture=host_architecture(), python=HOST_PYTHON, is_host=True)
WITH_WHEEL = ", simdjson" if sys.version_info < (3, 14) else ""  # requirements.in says why
ARM = BuildTarget(architecture="arm64", python="3.13")

TINY_PIN = (
    "annotated-doc==0.0.7 \\\n"
    "    --hash=sha256:6bc31bbbec6dfaaedc1676dbc11dbda96fe22a2b5c400e9ebad113fec44a9dc6\n"
)


def run_with(layers: list[StagedLayer], code: str) -> str:
    """Run code in a Python that sees the layers and the standard library, nothing else.

    Warnings count: the engine says on standard error which of its parts it misses.
    """
    paths = [str(layer.folder / "python") for layer in layers]
    program = f"import sys; sys.path[:0] = {paths!r}\n{code}"
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", program], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout.strip()


@pytest.fixture(scope="module")
def onnx_layer() -> StagedLayer:
    """The layer of predict, for this machine."""
    return stage_packages("onnx", PINS["onnx"], BUILD, HOST)


def test_the_pruned_layer_runs_a_model(onnx_layer, relu_file):
    """Nothing that was pruned is missed."""
    answer = run_with(
        [onnx_layer],
        f"import onnxruntime, numpy, orjson, pybase64{WITH_WHEEL}\n"
        f"session = onnxruntime.InferenceSession(open({str(relu_file)!r}, 'rb').read())\n"
        "(y,) = session.run(None, {'x': numpy.array([[-1, 2, -3, 4]], numpy.float32)})\n"
        "print(orjson.dumps(y, option=orjson.OPT_SERIALIZE_NUMPY).decode())",
    )

    assert json.loads(answer) == [[0.0, 2.0, 0.0, 4.0]]


def test_the_api_layer_imports_on_its_own():
    """FastAPI and Mangum bring all they need."""
    layer = stage_packages("api", PINS["api"], BUILD, HOST)

    assert run_with([layer], "import fastapi, mangum, aws_lambda_powertools; print('ok')") == "ok"


def test_the_shared_library_needs_nothing_else_to_be_imported():
    """The contract, errors and domain are pure Python."""
    layer = stage_runtime(RUNTIME, BUILD, HOST)

    assert run_with([layer], "import falaj.contract, falaj.domain.manifest; print('ok')") == "ok"


def test_what_running_never_imports_is_left_out(onnx_layer):
    """The engine's duplicate, the tools and the tests stay behind."""
    packages = onnx_layer.folder / "python"
    left = [
        path.relative_to(packages).as_posix()
        for pattern in ("onnxruntime/capi/libonnxruntime.so*", "onnxruntime/tools", "**/tests")
        for path in packages.glob(pattern)
    ]

    assert left == []


def test_bytecode_is_valid_whatever_the_time_stamps(onnx_layer):
    """Zips reset time stamps; the usual bytecode would be thrown away at every cold start.

    Bit 0 of the flags says hash-based, bit 1 that the source is not looked at (PEP 552).
    """
    modules = sorted((onnx_layer.folder / "python").rglob("*.pyc"))
    heads = {path.read_bytes()[:8] for path in modules}

    assert len(modules) > 100
    assert heads == {MAGIC_NUMBER + (1).to_bytes(4, "little")}


def test_every_module_has_bytecode(onnx_layer):
    """None is compiled at a cold start."""
    packages = onnx_layer.folder / "python"
    bare = [
        str(path.relative_to(packages))
        for path in packages.rglob("*.py")
        if not list((path.parent / "__pycache__").glob(f"{path.stem}.*.pyc"))
    ]

    assert bare == []


def test_an_arm_layer_holds_arm_code():
    """A layer for Graviton is built on any machine."""
    layer = stage_packages("onnx", PINS["onnx"], BUILD, ARM)
    kinds = {
        path.read_bytes()[18:20]
        for path in (layer.folder / "python").rglob("*.so")
        if path.read_bytes()[:4] == b"\x7fELF"
    }

    assert kinds == {(183).to_bytes(2, "little")}  # EM_AARCH64, elf.h


def test_experiments_hash_in_c(onnx_layer):
    """The layers of a function with arms hold the quick hash, for Graviton as well."""
    layers = [stage_runtime(RUNTIME, BUILD, HOST), onnx_layer]
    found = run_with(layers, "from falaj.experiments.hashing import QUICK; print(QUICK(b'a'))")
    arm = stage_packages("onnx", PINS["onnx"], BUILD, ARM)
    built = [path.name for path in (arm.folder / "python/fnv_hash_fast").glob("_fnv_impl*.so")]

    assert int(found) == 0xE40C292C
    assert len(built) == 1
    assert "aarch64" in built[0]


def test_the_same_pins_are_staged_once(tmp_path):
    """A second synthesis downloads and compiles nothing."""
    pins = tmp_path / "requirements.txt"
    pins.write_text(TINY_PIN)
    first = stage_packages("tiny", pins, tmp_path, HOST)
    files = {path: path.stat().st_ctime_ns for path in first.folder.rglob("*")}
    second = stage_packages("tiny", pins, tmp_path, HOST)

    assert second == first
    assert {path: path.stat().st_ctime_ns for path in second.folder.rglob("*")} == files


def test_other_pins_are_another_layer(tmp_path):
    """A changed pin can never hide behind an old folder."""
    pins = tmp_path / "requirements.txt"
    pins.write_text(TINY_PIN)
    first = stage_packages("tiny", pins, tmp_path, HOST)
    pins.write_text(f"# reviewed\n{TINY_PIN}")
    second = stage_packages("tiny", pins, tmp_path, HOST)

    assert second.folder != first.folder


def test_a_wheel_of_another_content_is_refused(tmp_path):
    """A registry that serves something else is caught by the hash."""
    pins = tmp_path / "requirements.txt"
    pins.write_text(TINY_PIN.replace("6bc3", "0000"))

    with pytest.raises(ConfigurationError, match=r"(?s)cannot stage .*Hash mismatch"):
        stage_packages("tiny", pins, tmp_path, HOST)
    assert not list((tmp_path / "layers").rglob("*.py"))


def test_missing_pins_are_named(tmp_path):
    """The sentence says which file."""
    with pytest.raises(ConfigurationError, match=r"nowhere\.txt is missing"):
        stage_packages("tiny", tmp_path / "nowhere.txt", tmp_path, HOST)


def test_an_edit_in_the_library_is_another_layer(tmp_path):
    """And is staged as a copy: later edits do not reach what was staged."""
    source = tmp_path / "source"
    (source / "falaj").mkdir(parents=True)
    module = source / "falaj" / "contract.py"
    module.write_text("X = 1\n")
    first = stage_runtime(source, tmp_path / "build", HOST)
    module.write_text("X = 2\n")
    second = stage_runtime(source, tmp_path / "build", HOST)

    assert run_with([first], "from falaj.contract import X; print(X)") == "1"
    assert run_with([second], "from falaj.contract import X; print(X)") == "2"


def test_a_python_nobody_has_is_not_found():
    """An empty shim of a version manager does not count as an interpreter."""
    assert interpreter_of("3.999") is None
