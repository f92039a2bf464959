"""Promise: a task calls AWS as its role over kept connections, and goes on when ECS renews it."""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import NamedTuple

import pytest

from falaj.aws.task_calls import TaskCalls
from falaj.domain.clock import SystemClock
from falaj.errors import DependencyError


class Frozen(NamedTuple):
    """As botocore gives them."""

    access_key: str
    secret_key: str
    token: str | None


class Role:
    """A session whose credentials are renewed."""

    def __init__(self, *keys):
        self.keys = list(keys)

    def get_credentials(self):
        """Say whose they are."""
        return self if self.keys else None

    def get_frozen_credentials(self):
        """Give the ones that hold now."""
        return Frozen(self.keys[0], "secret", "token")


@pytest.fixture
def service():
    """A service that says over which connection it was called, and as whom."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self):
            self.rfile.read(int(self.headers["content-length"]))
            said = {
                "port": self.client_address[1],
                "key": self.headers["authorization"].split("Credential=")[1].split("/")[0],
            }
            body = json.dumps(said).encode()
            self.send_response(200)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def calls_to(service, role):
    """Calls as a role."""
    return TaskCalls(
        "dynamodb", region="me-central-1", clock=SystemClock(), endpoint=service, session=role
    )


def said(calls, times=1):
    """What the service says of some calls in a row."""
    try:
        return [json.loads(calls.post("/", b"{}").body) for _ in range(times)]
    finally:
        calls.close()


def test_a_thread_keeps_its_connection(service):
    """A count for each request must not cost a handshake for each."""
    calls = calls_to(service, Role("first"))
    here, elsewhere = said(calls, times=3), []
    thread = threading.Thread(target=lambda: elsewhere.extend(said(calls, times=3)))
    thread.start()
    thread.join(30)

    assert [len({one["port"] for one in each}) for each in (here, elsewhere)] == [1, 1]


def test_renewed_credentials_sign_the_next_call(service):
    """ECS gives a task others every few hours."""
    role = Role("first")
    calls = calls_to(service, role)
    first = json.loads(calls.post("/", b"{}").body)
    role.keys = ["second"]
    (second,) = said(calls)

    assert (first["key"], second["key"]) == ("first", "second")


def test_a_task_without_a_role_is_told_so(service):
    """And not that the service is away."""
    with pytest.raises(DependencyError, match="the task has no role"):
        calls_to(service, Role()).post("/", b"{}")
