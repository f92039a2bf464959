"""Beside Triton: its metrics page becomes the metrics that scaling and alarms know."""

import json
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from falaj.container.triton_metrics import Totals
from falaj.entrypoints.triton_beats import TritonBeats, main, page_of
from falaj.errors import ConfigurationError
from tests.falaj.clocks import StandingClock

ROOT = Path(__file__).parents[3]


def page(*, good=0, backend=0, other=0, queue_us=0, pending=0, gpu=0.25):
    """A page as Triton 26 writes it, with another model's samples beside."""
    ours = 'model="vision",version="1"'
    return f"""\
# HELP nv_inference_request_success Number of successful inference requests, all batch sizes
# TYPE nv_inference_request_success counter
nv_inference_request_success{{{ours}}} {good}
nv_inference_request_success{{model="else",version="1"}} 999
nv_inference_request_failure{{{ours},reason="BACKEND"}} {backend}
nv_inference_request_failure{{{ours},reason="REJECTED"}} 0
nv_inference_request_failure{{{ours},reason="OTHER"}} {other}
nv_inference_queue_duration_us{{{ours}}} {queue_us}
nv_inference_pending_request_count{{{ours}}} {pending}
nv_gpu_utilization{{gpu_uuid="GPU-1"}} {gpu}
nv_gpu_memory_total_bytes{{gpu_uuid="GPU-1"}} 2.4e+10
"""


class Agent:
    """Hears whether the task works."""

    def __init__(self):
        self.heard = []

    def tell(self, *, is_busy, now):
        """Hear it."""
        self.heard.append((is_busy, now.hour))


def told(*pages, agent=None):
    """The metrics that each page in turn leads to."""
    pages, lines = iter(pages), []
    beats = TritonBeats(
        "vision",
        "r1",
        read=lambda: next(pages),
        write=lines.append,
        clock=StandingClock(),
        protection=agent,
    )
    for _ in range(pages.__length_hint__()):
        beats()
    return [json.loads(line) for line in lines]


def test_what_came_since_the_last_time_is_told():
    """Triton counts from its start; CloudWatch wants what is new."""
    first, _, second, _ = told(
        page(good=10, queue_us=20_000), page(good=30, backend=2, other=1, queue_us=120_000)
    )
    assert (first["Requests"], first["Bad"], first["QueueTime"]) == (10, 0, 2)
    assert (second["Requests"], second["Bad"], second["QueueTime"]) == (23, 2, 5)


def test_the_metrics_have_the_dimensions_of_alarms_and_scaling():
    """By model and release for the alarms, by model alone for scaling."""
    counts, gpu = told(page(good=1, gpu=0.25))
    assert counts["_aws"]["CloudWatchMetrics"][0]["Dimensions"] == [["Model", "Release"], ["Model"]]
    assert (counts["Model"], counts["Release"]) == ("vision", "r1")
    assert gpu["_aws"]["CloudWatchMetrics"][0]["Dimensions"] == [["Model"]]
    assert gpu["GpuUtilisation"] == 25


def test_a_restart_of_triton_counts_from_nothing():
    """Counters that fell back are no negative requests."""
    assert Totals(answered=3).since(Totals(answered=50)) == Totals(answered=3)


def test_an_idle_triton_tells_zero():
    """Without data nobody scales in."""
    _, _, idle, _ = told(page(good=5), page(good=5))
    assert (idle["Requests"], idle["QueueTime"]) == (0, 0)


def test_pending_requests_protect_the_task():
    """ECS takes another replica while anybody waits here."""
    agent = Agent()
    told(page(pending=2), page(), agent=agent)
    assert agent.heard == [(True, 12), (False, 12)]


def test_nothing_is_told_while_triton_loads():
    """No page, no metric: neither a request nor an idle GPU."""

    def absent():
        raise ConnectionRefusedError

    lines = []
    TritonBeats("vision", "r1", read=absent, write=lines.append, clock=StandingClock())()
    assert lines == []


def test_what_is_missing_is_named_at_once():
    """A task definition that forgot its settings."""
    with pytest.raises(ConfigurationError) as refused:
        main({})
    assert len(refused.value.faults) == 3


def test_the_command_reads_a_real_page_and_stops_when_told():
    """The image's own command against an HTTP server; SIGTERM ends it with a last beat."""
    asked = threading.Event()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            asked.set()
            body = page(good=7).encode()
            self.send_response(200)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    endpoint = f"http://127.0.0.1:{server.server_port}"
    try:
        assert "nv_inference_request_success" in page_of(endpoint)
        code = (
            "import os, signal, threading; from gpu_endpoints.triton_beats import main; "
            "threading.Timer(0.2, os.kill, (os.getpid(), signal.SIGTERM)).start(); "
            "raise SystemExit(main())"
        )
        env = {
            "PYTHONPATH": f"{ROOT / 'layers/runtime/python'}:{ROOT}",
            "FALAJ_MODEL_NAME": "vision",
            "FALAJ_RELEASE": "r1",
            "FALAJ_ENDPOINT": endpoint,
        }
        done = subprocess.run(
            [sys.executable, "-c", code],
            env=env,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
    assert (done.returncode, done.stderr) == (0, "")
    assert json.loads(done.stdout.splitlines()[0])["Requests"] == 7
