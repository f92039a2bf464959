"""A place on 127.0.0.1 that real boto3 clients take for a region with an experiment analyst.

Lambda's Invoke is answered as its REST protocol says, by the real analyst over strict services;
moto answers the others.
"""

import json
import re
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from falaj.contract import ANALYST_PARAMETER
from falaj.errors import FalajError
from tests.falaj.analyst_region import TICK, AnalystRegion, declared

FUNCTION = "FalajExperiments-Analyst-1"
INVOKE = re.compile(r"/2015-03-31/functions/([^/]+)/invocations")


class Endpoint(BaseHTTPRequestHandler):
    """One HTTP address for every AWS service."""

    protocol_version = "HTTP/1.1"
    place: "Placed"

    def do_POST(self):
        """Answer Invoke ourselves, and leave the rest to moto."""
        body = self.rfile.read(int(self.headers.get("content-length") or 0))
        path, _, query = self.path.partition("?")
        found = INVOKE.fullmatch(path)
        if found is not None:
            assert found[1] == FUNCTION
            self._invoke(json.loads(body))
            return
        answer = self.place.region.backends.answer(
            method=self.command, path=path, query=query, headers=self.headers.items(), body=body
        )
        kept = {"content-type", "x-amzn-errortype", "x-amzn-requestid"}
        headers = {name: value for name, value in answer.headers if name.lower() in kept}
        self._answer(answer.status, answer.body, headers)

    do_GET = do_PUT = do_HEAD = do_DELETE = do_POST  # noqa: N815 - http.server's names

    def log_message(self, *_):
        """Say nothing."""

    def _invoke(self, event):
        headers = {"x-amz-executed-version": "$LATEST"}
        self.place.events.append(event)
        try:
            told = self.place.analyst(event)
        except FalajError as error:
            headers["x-amz-function-error"] = "Unhandled"
            told = {"errorMessage": str(error), "errorType": type(error).__name__}
        self._answer(200, json.dumps(told).encode(), headers)

    def _answer(self, status, body, headers):
        self.send_response(status)
        headers = {**headers, "content-length": str(len(body)), "connection": "close"}
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)


class Placed:
    """A region with one analyst, reachable at `port` until it is closed.

    Attributes:
        region: What the analyst works on.
        analyst: The analyst.
        events: What it was invoked with.
    """

    def __init__(self):
        self.region = AnalystRegion()
        self.region.want("1")
        self.analyst = self.region.analyst()
        self.events = []
        handler = type("Bound", (Endpoint,), {"place": self})
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self._server.daemon_threads = True
        self.port = self._server.server_address[1]
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,))
        self._thread.start()

    def deploy(self):
        """Publish the analyst's name, as its stack does."""
        self.region.plain("ssm").put_parameter(
            Name=ANALYST_PARAMETER, Value=FUNCTION, Type="String", Overwrite=True
        )

    def play(self, rates, *, units=900, **changes):
        """Show a started experiment to units and let the analyst look."""
        spec = declared(**changes)
        self.region.show(spec, units, rates)
        self.region.clock.advance(700)
        self.analyst(TICK)

    def close(self):
        """Free the port and the account."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
        self.region.close()


@pytest.fixture
def placed(monkeypatch):
    """A region with an analyst, and the environment that leads the command to it."""
    made = Placed()
    made.deploy()
    monkeypatch.setenv("FALAJ_AWS_PORT", str(made.port))
    yield made
    made.close()


@pytest.fixture
def spec_file(tmp_path):
    """A declaration on disk."""

    def written(**changes):
        path = tmp_path / "greeting.json"
        path.write_text(json.dumps(declared(**changes).to_dict()))
        return str(path)

    return written
