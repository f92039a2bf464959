"""Time to synthesize 1, 10 and 100 models, and how it grows.

Each size is a catalogue of tiny real ONNX models in a folder of its own, synthesized by `app.py` in
a process of its own, start of Python and of jsii's Node included; layers are staged beforehand.
Once more with the CDK's built-in validation, which `cdk synth` runs and `python app.py` does not.
Processor time, which other work on the machine disturbs less, gives the growth.

    python benchmarks/synth.py [--sizes 1 10 100] [--repeat 3] [--json]

Goal: 100 models within 10 s, growing in proportion.
"""

import argparse
import hashlib
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from onnx import TensorProto, helper

from catalogue.signing import LocalSigner, sign
from falaj.contract import MANIFEST_FILE, MODEL_FILE
from falaj.domain.manifest import Manifest
from falaj.domain.signature import ModelSignature
from falaj.domain.tensors import Datatype, TensorSpec

REPOSITORY = Path(__file__).parents[1]
GOAL_S = 10.0
GOAL_MODELS = 100


def write_model(root: Path, name: str) -> None:
    """Write a model.yaml and its built version."""
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, ["batch", 4])
    y = helper.make_tensor_value_info("y", TensorProto.FLOAT, ["batch", 4])
    graph = helper.make_graph([helper.make_node("Relu", ["x"], ["y"])], name, [x], [y])
    data = helper.make_model(graph).SerializeToString()
    manifest = Manifest(
        name=name,
        version=1,
        sha256=hashlib.sha256(data).hexdigest(),
        size_bytes=len(data),
        signature=ModelSignature(
            inputs=(TensorSpec(name="x", datatype=Datatype.FP32, shape=(-1, 4)),),
            outputs=(TensorSpec(name="y", datatype=Datatype.FP32, shape=(-1, 4)),),
        ),
    )
    (root / "models" / name / "1").mkdir(parents=True)
    (root / "models" / name / "model.yaml").write_text(
        f"name: {name}\ndescription: Relu\nowner: benchmark\nversion: 1\n", encoding="utf-8"
    )
    built = root / "build" / "models" / name / "1"
    built.mkdir(parents=True)
    (built / MODEL_FILE).write_bytes(data)
    (built / MANIFEST_FILE).write_text(json.dumps(manifest.to_dict()), encoding="utf-8")
    sign(built, LocalSigner(root / "build"))


def synthesis_s(root: Path, *, validated: bool) -> tuple[float, float]:
    """Synthesize a catalogue in a new process; return seconds elapsed and of processor time."""
    program = ["app.py", "--models", str(root / "models"), "--build", str(root / "build")]
    environment = {k: v for k, v in os.environ.items() if not k.startswith("CDK_")}
    environment["PYTHONDONTWRITEBYTECODE"] = ""  # as the Makefile: else the CDK is compiled anew
    if validated:
        # As the CDK CLI starts it, but for this machine, so that the same layers are used.
        context = json.loads((REPOSITORY / "cdk.json").read_text())["context"]
        environment |= {
            "CDK_CLI_VERSION": "benchmark",
            "CDK_OUTDIR": str(root / "out"),
            "CDK_CONTEXT_JSON": json.dumps(context | {"falaj:platform": "host"}),
        }
    else:
        program += ["-o", str(root / "out")]
    used, start = processor_s(), time.perf_counter()
    subprocess.run(
        [sys.executable, *program], cwd=REPOSITORY, env=environment, check=True, capture_output=True
    )
    return time.perf_counter() - start, processor_s() - used


def processor_s() -> float:
    """Return the processor time of all finished child processes."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def measure(size: int, repeat: int) -> dict[str, float]:
    """Measure one size: medians, the first run left out since it stages what is new."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        for number in range(size):
            write_model(root, f"model-{number:03}")
        (root / "build" / "layers").symlink_to(REPOSITORY / ".build" / "layers")
        first, _ = synthesis_s(root, validated=False)
        again = [synthesis_s(root, validated=False) for _ in range(repeat)]
        validated = [synthesis_s(root, validated=True) for _ in range(repeat)]
        return {
            "models": size,
            "first_s": first,
            "again_s": statistics.median(elapsed for elapsed, _ in again),
            "processor_s": statistics.median(used for _, used in again),
            "validated_s": statistics.median(elapsed for elapsed, _ in validated),
        }


def main() -> int:
    """Measure, print, and fail when the goal is missed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sizes", type=int, nargs="+", default=[1, 10, 100])
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    (REPOSITORY / ".build" / "layers").mkdir(parents=True, exist_ok=True)
    rows = [measure(size, options.repeat) for size in options.sizes]
    smallest, largest = rows[0], rows[-1]
    span = largest["models"] - smallest["models"]
    growth_ms = (largest["processor_s"] - smallest["processor_s"]) / span * 1000 if span else None
    within = all(row["again_s"] <= GOAL_S for row in rows if row["models"] <= GOAL_MODELS)
    if options.json:
        print(json.dumps({"rows": rows, "ms_per_model": growth_ms, "within_goal": within}))
        return 0 if within else 3
    print("models   first   again   processor   with the CDK's validation")
    for row in rows:
        print(
            f"{row['models']:6}  {row['first_s']:5.1f} s {row['again_s']:5.1f} s "
            f"{row['processor_s']:9.1f} s {row['validated_s']:9.1f} s"
        )
    if growth_ms is not None:
        print(f"growth: {growth_ms:.1f} ms of processor time per model")
    print(f"goal: {GOAL_MODELS} models within {GOAL_S:.0f} s: {'met' if within else 'missed'}")
    return 0 if within else 3


if __name__ == "__main__":
    sys.exit(main())
