"""Promise: a region that is killed, however, leaves no process behind."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
import time
import urllib.request

import psutil
import pytest

from tests.local_region.conftest import ROOT
from tests.local_region.test_region import write

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="pipes signal owners on Linux only")

STUCK = """
import json, os, subprocess, time

def handler(event, context):
    if event["rawPath"].endswith("/stuck"):
        child = subprocess.Popen(["sleep", "600"])
        print(json.dumps({"stuck": [os.getpid(), child.pid]}), flush=True)
        time.sleep(600)
    return {"statusCode": 200, "body": json.dumps({"idle": [os.getpid()]})}
"""
REGION = """
import sys
from pathlib import Path
from local_region.progress import FunctionLog, Ready
from local_region.up import serve

def tell(event):
    if isinstance(event, Ready):
        print(event.api_url, flush=True)
    if isinstance(event, FunctionLog) and event.line.startswith("{"):
        print(event.line, flush=True)

serve(Path(sys.argv[1]), api_port=0, aws_port=0, grpc_port=0, on_event=tell)
"""
CONTAINER = """
import asyncio, sys
from pathlib import Path
from local_region.container_service.process import ContainerProcess

async def main():
    nap = "import subprocess, time; print(subprocess.Popen(['sleep', '600']).pid); "
    command = (sys.executable, "-u", "-c", nap + "time.sleep(600)")
    made = ContainerProcess(command, environment={"PATH": "/usr/bin:/bin"}, folder=Path("/"),
                            log=lambda line: print(made.pid, line, flush=True))
    await made.start()
    await made.ended()

asyncio.run(main())
"""


@pytest.fixture
def program():
    """Start programs that are killed at the end, if they have not been before."""
    started = []

    def start(source, *arguments):
        path = f"{ROOT}:{ROOT / 'layers' / 'runtime' / 'python'}"
        process = subprocess.Popen(
            [sys.executable, "-c", source, *arguments],
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": path},
            stdout=subprocess.PIPE,
            text=True,
        )
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.wait()
        process.stdout.close()


def test_functions_end_with_a_killed_region(program, tmp_path):
    """SIGKILL leaves neither the one that waits, nor the one that is busy, nor what it started."""
    region = program(REGION, str(write(tmp_path, source=STUCK)))
    url = region.stdout.readline().strip()
    (idle,) = ask(f"{url}/v2/models/m/x")["idle"]
    threading.Thread(target=ask_in_vain, args=(f"{url}/v2/models/m/stuck",), daemon=True).start()
    stuck = json.loads(region.stdout.readline())["stuck"]
    (waiting,) = ask(f"{url}/v2/models/m/x")["idle"]
    assert stuck[0] == idle  # which was warm, and another one waits by now

    region.send_signal(signal.SIGKILL)

    wait_for_the_end_of({waiting, *stuck})


def test_containers_end_with_a_killed_region(program):
    """Nor a replica, nor what it started."""
    region = program(CONTAINER)
    pids = set(map(int, region.stdout.readline().split()))
    assert len(pids) == 2

    region.send_signal(signal.SIGKILL)

    wait_for_the_end_of(pids)


def ask(url):
    """Send a request and return its answer."""
    with urllib.request.urlopen(url, timeout=600) as answer:  # noqa: S310 - our own address
        return json.loads(answer.read())


def ask_in_vain(url):
    """Send a request that is never answered."""
    with contextlib.suppress(OSError):
        ask(url)


def wait_for_the_end_of(pids):
    """Return once none of them runs; a process that nobody has buried yet has ended."""
    deadline = time.monotonic() + 60
    while left := [pid for pid in pids if runs(pid)]:
        assert time.monotonic() < deadline, left
        time.sleep(0.02)


def runs(pid):
    """Say whether a process still runs."""
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
