"""Time to run every policy over all stacks of ten models, and over a hundred.

The stacks are synthesized for Lambda from tiny real ONNX models; what is timed is reading the
assembly and running all rules, in this process, without the plugin's report. Synthesis of the same
catalogue with and without the plugin tells what it adds.

    python benchmarks/policies.py [--models 10 100] [--repeat 5]

Goal: ten models in under 5 s; the plugin adds less than half to the time of synthesis.
"""

import argparse
import statistics
import sys
import tempfile
import time
from datetime import date
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from infra.application import add_stacks
from infra.config.deployment import Deployment
from infra.main import hand_context
from infra.policies.plugin import PolicyPack
from policies.assembly import read_stacks
from policies.evaluation import evaluate
from policies.registry import RULES
from tests.infra.conftest import REPOSITORY, Catalogue, new_catalogue

# isort: split
from aws_cdk import App, Validations

GOAL_S = 5.0


def synthesize(catalogue: Catalogue, outdir: Path, *, has_plugin: bool) -> float:
    """Synthesize for Lambda and return the seconds it took."""
    started = time.perf_counter()
    app = App(
        context=hand_context(REPOSITORY, {"falaj:platform": "lambda"}),
        outdir=str(outdir),
        builtin_cloud_formation_validation=False,
        tree_metadata=False,
    )
    add_stacks(app, Deployment.from_context(app.node.get_all_context(None)), catalogue.sources)
    if has_plugin:
        Validations.of(app).add_plugins(PolicyPack(outdir, today=date(2026, 11, 22)))
    app.synth()
    return time.perf_counter() - started


def measure(models: int, repeat: int, root: Path) -> None:
    """Print what one size of catalogue costs."""
    catalogue = new_catalogue(root)
    for number in range(models):
        catalogue.add(f"model-{number}")
    synthesize(catalogue, root / "warm", has_plugin=False)
    plain, checked, runs = [], [], []
    for run in range(repeat):
        plain.append(synthesize(catalogue, root / f"plain{run}", has_plugin=False))
        checked.append(synthesize(catalogue, root / f"checked{run}", has_plugin=True))
        started = time.perf_counter()
        looked = evaluate(read_stacks(root / f"plain{run}")).looked
        runs.append(time.perf_counter() - started)
    alone, with_plugin = statistics.median(plain), statistics.median(checked)
    print(
        f"{models:4} models: {len(RULES)} rules on {len(looked)} resources in "
        f"{statistics.median(runs):.2f} s; synthesis {alone:.2f} s, with the plugin "
        f"{with_plugin:.2f} s ({with_plugin / alone:.2f} times)"
    )
    if models == 10:  # the size that the goal is about
        print(f"goal of {GOAL_S:g} s: {'met' if max(runs) < GOAL_S else 'MISSED'}")


def main() -> None:
    """Measure each size in a folder of its own."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--models", type=int, nargs="+", default=[10, 100])
    parser.add_argument("--repeat", type=int, default=5)
    options = parser.parse_args()
    for models in options.models:
        with tempfile.TemporaryDirectory() as folder:
            measure(models, options.repeat, Path(folder) / "catalogue")


if __name__ == "__main__":
    main()
