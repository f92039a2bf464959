"""A webhook is signed, tried again, and given up on with an error that says why."""

import hashlib
import hmac
import json
import threading
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from falaj.errors import DependencyError
from falaj.http.webhook import Webhook

AT = datetime(2026, 11, 22, tzinfo=UTC)


@pytest.fixture
def receiver():
    """A receiver on this machine that answers with the statuses it is told."""
    received, statuses = [], []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers["content-length"]))
            received.append(({k.lower(): v for k, v in self.headers.items()}, body))
            self.send_response(statuses.pop(0) if statuses else 204)
            self.end_headers()

        def log_message(self, *_):
            """Say nothing."""

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/hook", received, statuses
    server.shutdown()
    thread.join()
    server.server_close()


def webhook(url, pauses=None):
    """A webhook that does not wait."""
    return Webhook(url, key=lambda: b"key", sleep=(pauses if pauses is not None else []).append)


def test_what_is_posted_is_signed(receiver):
    """The receiver knows who wrote it, and when."""
    url, received, _ = receiver
    webhook(url).send({"text": "rolled back"}, now=AT)
    ((headers, body),) = received
    stamp, signed = headers["x-falaj-signature"].split(",")
    expected = hmac.new(b"key", stamp[2:].encode() + b"." + body, hashlib.sha256).hexdigest()
    assert (stamp, signed) == (f"t={int(AT.timestamp())}", f"v1={expected}")
    assert json.loads(body) == {"text": "rolled back"}


def test_it_is_tried_again_after_a_pause_that_grows(receiver):
    """A receiver that restarts gets the notice all the same."""
    url, received, statuses = receiver
    statuses += [500, 429]
    pauses = []
    webhook(url, pauses).send({}, now=AT)
    assert (len(received), pauses) == (3, [0.4, 0.8])


@pytest.mark.parametrize(("answers", "tries"), [([500] * 3, 3), ([403], 1)])
def test_it_gives_up_with_the_reason(receiver, answers, tries):
    """Three times at most, and once when the receiver refuses."""
    url, received, statuses = receiver
    statuses += answers
    with pytest.raises(DependencyError, match="webhook did not take a notice"):
        webhook(url).send({}, now=AT)
    assert len(received) == tries


def test_nobody_there_is_an_error_and_not_a_wait():
    """A refused connection is reported like any other failure."""
    with pytest.raises(DependencyError):
        webhook("http://127.0.0.1:9/").send({}, now=AT)
