"""Promise: `falaj up`'s engine serves until interrupted, and then nothing of it is left."""

import json
import os
import signal
import socket
import subprocess
import sys
import urllib.request

import pytest

from tests.local_region.conftest import ROOT
from tests.local_region.test_region import write

pytestmark = pytest.mark.slow

PROGRAM = """
import sys
from pathlib import Path
from local_region.progress import Closed, Ready
from local_region.up import serve

def tell(event):
    if isinstance(event, Ready):
        print(event.api_url, event.aws_url, *event.models, flush=True)
    if isinstance(event, Closed):
        print("closed", flush=True)

serve(Path(sys.argv[1]), api_port=0, aws_port=0, on_event=tell)
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_interrupted_region_leaves_nothing(tmp_path, number):
    """Ctrl-C: every process ends, both ports are free, and the exit is quiet."""
    program = subprocess.Popen(
        [sys.executable, "-c", PROGRAM, str(write(tmp_path))],
        cwd=ROOT,
        env={
            **os.environ,
            "PYTHONPATH": f"{ROOT}:{ROOT / 'layers' / 'runtime' / 'python'}",
            "TMPDIR": str(tmp_path),
        },
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    api_url, aws_url, *models = program.stdout.readline().split()
    with urllib.request.urlopen(f"{api_url}/v2/models/m/x") as answer:  # noqa: S310 - our own
        function_process = json.loads(answer.read())["pid"]

    program.send_signal(number)
    output, complaints = program.communicate(timeout=30)

    for url in (api_url, aws_url):
        socket.create_server(("127.0.0.1", int(url.rpartition(":")[2]))).close()
    with pytest.raises(ProcessLookupError):
        os.kill(function_process, 0)
    left = [path.name for path in tmp_path.iterdir() if path.name.startswith("falaj")]
    assert (models, program.returncode, output, complaints, left) == (["m"], 0, "closed\n", "", [])
