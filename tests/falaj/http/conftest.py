"""Real models behind `answer`, called directly and through a real HTTP server."""

import json
from contextlib import contextmanager
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from urllib.parse import parse_qsl, urlsplit

import pytest

from falaj.domain.signature import Batching
from falaj.http.arms import answer_of_arm
from falaj.http.messages import Request
from falaj.http.oip import answer
from tests.falaj import onnx_models


@pytest.fixture(scope="session")
def model_root(tmp_path_factory):
    """A repository of models that between them have every type and rank."""
    root = tmp_path_factory.mktemp("models")
    rows = Batching(batch_axis=0, pad_allowed=False, batch_invariant=True)
    write = onnx_models.write_version
    write(root, "rows", 1, onnx_models.linear(seed=1), batching=rows)
    write(root, "rows", 2, onnx_models.linear(seed=2), batching=rows)
    write(root, "types", 1, onnx_models.every_type())
    write(root, "scalar", 1, onnx_models.identity("FP32", []))
    write(root, "grid", 1, onnx_models.identity("INT32", [2, 3]))
    write(root, "cube", 1, onnx_models.identity("FP32", [None, None, None]))
    write(root, "words", 1, onnx_models.identity("BYTES", [None, 2]))
    write(root, "log", 1, onnx_models.logarithm())
    write(root, "lookup", 1, onnx_models.lookup())
    for datatype in onnx_models.ELEMENT_TYPES:
        write(root, f"id-{datatype.lower()}", 1, onnx_models.identity(datatype, [None]))
    return root


@pytest.fixture(scope="session")
def service(model_root):
    """Release 12, serving them."""
    return onnx_models.service_of(model_root, release="12")


@pytest.fixture
def call(service):
    """Send a request; returns the response and its body as JSON."""

    def send(method, path, document=None, *, headers=None, body=None):
        content = body if body is not None else b""
        if document is not None:
            content = json.dumps(document).encode()
        response = answer(Request(method, path, headers or {}, content), service)
        return response, json.loads(response.body) if response.body else None

    return send


@pytest.fixture
def infer(call):
    """Send one input as JSON to a model whose input is `x` (or `name`)."""

    def send(model, datatype, shape, data, *, name="x", **more):
        tensor = {"name": name, "shape": shape, "datatype": datatype, "data": data}
        return call("POST", f"/v2/models/{model}/infer", {"inputs": [tensor], **more})

    return send


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    answered = None

    def _serve(self):
        length = int(self.headers.get("content-length", 0))
        url = urlsplit(self.path)
        headers = {name.lower(): value for name, value in self.headers.items()}
        body = self.rfile.read(length)
        request = Request(self.command, url.path, headers, body, dict(parse_qsl(url.query)))
        response = self.answered(request)
        self.send_response(response.status)
        for name, value in response.headers.items():
            self.send_header(name, value)
        self.send_header("content-length", str(len(response.body)))
        self.end_headers()
        self.wfile.write(response.body)

    do_GET = do_POST = _serve  # noqa: N815 - the base class's names

    def log_message(self, *_):
        """Stay quiet."""


@contextmanager
def _server(answered):
    handler = type("Handler", (_Handler,), {"answered": staticmethod(answered)})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture(scope="session")
def address(service):
    """Host and port of a server that does nothing but call `answer`."""
    with _server(partial(answer, service=service)) as opened:
        yield opened


@pytest.fixture(scope="session")
def arm_address(service):
    """Host and port of a server whose every answer is of the arm `warm` of `greeting`."""
    answered = partial(answer_of_arm, service=service, experiment="greeting", arm="warm")
    with _server(answered) as opened:
        yield opened
