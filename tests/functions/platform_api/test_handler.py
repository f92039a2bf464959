"""The function starts from its packaged catalogue alone."""

import json
import os
import subprocess
import sys
from pathlib import Path

from tests.falaj.platform_front import published_models

ROOT = Path(__file__).parents[3]
ASK = """
import json, sys
sys.path.insert(0, {folder!r})
from handler import handler
path = "/v2/repository/index"
http = {{"method": "POST", "path": path, "sourceIp": "192.0.2.1"}}
event = {{"version": "2.0", "rawPath": path, "rawQueryString": "", "headers": {{}},
  "requestContext": {{"http": http}}, "isBase64Encoded": False}}
heavy = sorted({{"onnxruntime", "numpy", "boto3", "pybase64"}} & sys.modules.keys())
print(json.dumps([handler(event, None), heavy]))
"""


def test_handler_lists_the_packaged_models(tmp_path):
    """No engine, no boto3 and nothing that its layer lacks is imported to tell what there is."""
    (tmp_path / "catalogue.json").write_text(json.dumps([m.to_dict() for m in published_models()]))
    done = subprocess.run(
        [
            sys.executable,
            "-W",
            "error",
            "-c",
            ASK.format(folder=str(ROOT / "functions/platform_api")),
        ],
        env={
            **os.environ,
            "PYTHONPATH": str(ROOT / "layers/runtime/python"),
            "LAMBDA_TASK_ROOT": str(tmp_path),
            "AWS_LAMBDA_FUNCTION_VERSION": "12",
        },
        capture_output=True,
        text=True,
        check=True,
    )

    line, result = done.stdout.splitlines()
    answer, heavy = json.loads(result)
    assert json.loads(line)["outcome"] == "ok"

    assert {e["name"] for e in json.loads(answer["body"])} == {m.name for m in published_models()}
    assert answer["headers"]["x-falaj-release"] == "12"
    assert heavy == []
