"""A replica that works asks ECS's agent not to be taken away, and gives that up when it is done."""

import json
import threading
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from falaj.container.scale_in_protection import EXPIRES, RENEW, ScaleInProtection

NOW = datetime(2026, 11, 22, tzinfo=UTC)
ON = {"ProtectionEnabled": True, "ExpiresInMinutes": 5}
OFF = {"ProtectionEnabled": False}


class Agent:
    """ECS's agent, over HTTP on this machine."""

    def __init__(self):
        self.heard, self.status = [], 200
        agent = self

        class Handler(BaseHTTPRequestHandler):
            def do_PUT(self):
                body = json.loads(self.rfile.read(int(self.headers["content-length"])))
                agent.heard.append((self.path, body))
                self.send_response(agent.status)
                self.end_headers()

            def log_message(self, *_):
                pass

        self.server = HTTPServer(("127.0.0.1", 0), Handler)
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.01,))
        self.thread.start()

    @property
    def uri(self):
        """What ECS would set as ECS_AGENT_URI."""
        return f"http://127.0.0.1:{self.server.server_port}/api/task-1"


@pytest.fixture
def agent():
    """An agent that listens."""
    running = Agent()
    yield running
    running.server.shutdown()
    running.thread.join()
    running.server.server_close()


def test_protection_lasts_from_the_first_request_to_the_last(agent):
    """Asked for once, given up once, at the path that ECS documents."""
    protection = ScaleInProtection(agent.uri)
    for is_busy in (False, True, True, False, False):
        protection.tell(is_busy=is_busy, now=NOW)
    path = "/api/task-1/task-protection/v1/state"
    assert agent.heard == [(path, ON), (path, OFF)]


def test_protection_is_renewed_well_before_it_ends(agent):
    """A long batch stays protected; a replica that hangs is not for ever."""
    protection = ScaleInProtection(agent.uri)
    for minute in range(6):
        protection.tell(is_busy=True, now=NOW + timedelta(minutes=minute))
    assert [body for _, body in agent.heard] == [ON] * 3
    assert RENEW * 2 < EXPIRES


def test_an_agent_that_refuses_is_asked_again(agent):
    """What was not taken is not believed to hold."""
    protection = ScaleInProtection(agent.uri)
    agent.status = 500
    with pytest.raises(OSError, match="500"):
        protection.tell(is_busy=True, now=NOW)
    agent.status = 200
    protection.tell(is_busy=True, now=NOW)
    assert len(agent.heard) == 2
