"""`falaj doctor` finds what is missing and says how to mend it."""

import json
import socket
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest


class Ecs(BaseHTTPRequestHandler):
    """A region's ECS with one service, of whose two replicas so many answer."""

    running = 2

    def do_POST(self):
        """Answer both calls by what their names ask for."""
        self.rfile.read(int(self.headers["content-length"]))
        service = {"serviceName": "vision", "runningCount": self.running, "desiredCount": 2}
        is_list = self.headers["x-amz-target"].endswith("ListServices")
        answer = {"serviceArns": ["vision"]} if is_list else {"services": [service]}
        self.send_response(200)
        self.end_headers()
        self.wfile.write(json.dumps(answer).encode())

    def log_message(self, *_):
        """Say nothing."""


@pytest.mark.parametrize(("running", "ok"), [(2, True), (1, False)])
def test_replicas_of_a_running_region_are_told(falaj, monkeypatch, running, ok):
    """A service that lacks a replica is a finding, with how many there are."""
    with HTTPServer(("127.0.0.1", 0), type("Some", (Ecs,), {"running": running})) as region:
        threading.Thread(target=region.serve_forever, daemon=True).start()
        monkeypatch.setenv("FALAJ_AWS_PORT", str(region.server_port))
        said = falaj("doctor", "--json")
        region.shutdown()

    (found,) = [c for c in said.document["checks"] if c["what"] == "replicas"]
    assert (found["ok"], found["found"]) == (ok, f"vision {running} of 2")


class Gateway(BaseHTTPRequestHandler):
    """An API that asks for a token, as a region's of profile enterprise does."""

    def do_GET(self):
        """Let nobody in."""
        self.send_response(401)
        self.send_header("x-amz-apigw-id", "XBbjn2kfrc38A")
        self.end_headers()

    def log_message(self, *_):
        """Say nothing."""


def test_a_running_region_holds_its_own_ports(falaj, monkeypatch):
    """Asked in another terminal while `falaj up` runs, nothing is wrong."""
    with (
        HTTPServer(("127.0.0.1", 0), Gateway) as api,
        HTTPServer(("127.0.0.1", 0), Ecs) as aws,
    ):
        for server in (api, aws):
            threading.Thread(target=server.serve_forever, daemon=True).start()
        monkeypatch.setenv("FALAJ_PORT", str(api.server_port))
        monkeypatch.setenv("FALAJ_AWS_PORT", str(aws.server_port))
        said = falaj("doctor", "--json")
        for server in (api, aws):
            server.shutdown()

    ports = {c["what"]: c for c in said.document["checks"] if c["what"] in {"API port", "AWS port"}}
    assert [c["ok"] for c in ports.values()] == [True, True]
    assert all("`falaj up` serves there" in c["found"] for c in ports.values())


def test_sound_machine_passes(falaj, monkeypatch):
    """Everything that the tests need is what the command checks."""
    monkeypatch.setenv("FALAJ_PORT", "0")
    monkeypatch.setenv("FALAJ_AWS_PORT", "0")
    monkeypatch.setenv("FALAJ_GRPC_PORT", "0")

    said = falaj("doctor", "--json")

    assert [c["what"] for c in said.document["checks"] if not c["ok"]] == []
    assert said.exit == 0


def test_taken_port_fails_with_its_mend(falaj, monkeypatch):
    """The check names the variable to set."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        monkeypatch.setenv("FALAJ_PORT", str(taken.getsockname()[1]))

        said = falaj("doctor", "--json")

    failed = [c for c in said.document["checks"] if not c["ok"] and c["what"] == "API port"]
    assert said.exit == 1
    assert "FALAJ_PORT" in failed[0]["mend"]
