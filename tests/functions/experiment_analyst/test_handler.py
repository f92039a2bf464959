"""The analyst's function is made from its environment alone, and carries NumPy but no SciPy."""

import json
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[3]
ENVIRONMENT = {
    "PYTHONPATH": ":".join(
        map(str, (ROOT / "functions/experiment_analyst", ROOT / "layers/runtime/python", ROOT))
    ),
    "AWS_DEFAULT_REGION": "me-central-1",
    "AWS_ACCESS_KEY_ID": "local",
    "AWS_SECRET_ACCESS_KEY": "local",
}
SETTINGS = {
    "FALAJ_EXPERIMENTS_TABLE": "t",
    "FALAJ_EXPERIMENTS_BUCKET": "b",
    "FALAJ_ROLLOUTS_TABLE": "r",
    "FALAJ_SIGNING_KEY": "k",
}
SCRIPT = """
import json, sys
import handler
heavy = {"numpy", "onnxruntime", "fastapi", "pydantic", "scipy"}
found = {"callable": callable(handler.handler), "heavy": sorted(heavy & set(sys.modules))}
print(json.dumps(found))
"""


def _started(**settings):
    return subprocess.run(
        [sys.executable, "-c", SCRIPT],
        env={"PATH": os.environ["PATH"], **ENVIRONMENT, **settings},
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_handler_needs_numpy_and_no_scipy():
    """The layer stays small, since what it computes needs NumPy alone."""
    started = _started(**SETTINGS)
    assert json.loads(started.stdout) == {"callable": True, "heavy": ["numpy"]}, started.stderr


def test_a_function_without_its_settings_does_not_start():
    """Every missing name is in the error that Lambda logs."""
    started = _started()
    assert started.returncode != 0
    for name in SETTINGS:
        assert f"{name} is not set" in started.stderr
