"""The repository's own models, built once into the repository's own `.build`."""

import importlib
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import numpy as np
import onnxruntime
import pytest

from catalogue.building import build, built_version
from falaj.domain.tensors import Datatype
from falaj.engines.onnx import OnnxEngine
from falaj.engines.repository import ModelRepository
from falaj.http.messages import Request
from falaj.http.oip import answer
from falaj.http.service import Service

REPOSITORY = Path(__file__).parents[2]
MODELS = REPOSITORY / "models"
BUILD = REPOSITORY / ".build"


@pytest.fixture(scope="session")
def built():
    """Every version, built unless it is up to date."""
    build(MODELS, BUILD)
    return lambda name, version=1: built_version(BUILD, name, version)


@pytest.fixture(scope="session")
def run(built):
    """Run a built model on one input; return its outputs by name."""

    def call(name, rows, version=1):
        manifest = built(name, version).manifest
        session = onnxruntime.InferenceSession(
            built(name, version).model_path.read_bytes(), providers=["CPUExecutionProvider"]
        )
        spec = manifest.signature.inputs[0]
        feed = {spec.name: np.array(rows, dtype=Datatype(spec.datatype).numpy_name)}
        names = [output.name for output in manifest.signature.outputs]
        return dict(zip(names, session.run(names, feed), strict=True))

    return call


@pytest.fixture
def module(monkeypatch):
    """Import a module that lies beside a model."""

    def load(folder, name):
        monkeypatch.syspath_prepend(str(MODELS / folder))
        return importlib.import_module(name)

    yield load
    for name in [name for name in sys.modules if name.endswith(("_codec", "_golden", "_training"))]:
        del sys.modules[name]


@pytest.fixture(scope="session")
def address(built):
    """Address of a server that answers for every built model, as the functions do."""
    built("tashkeel")
    service = Service(
        repository=ModelRepository.from_folder(
            BUILD / "models", make_engine=lambda m, data: OnnxEngine(name=m.name, model=data)
        )
    )

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers["content-length"]))
            headers = {name.lower(): value for name, value in self.headers.items()}
            response = answer(Request("POST", self.path, headers, body), service)
            self.send_response(response.status)
            for name, value in response.headers.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(response.body)

        def log_message(self, *_):
            """Stay quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()
    thread.join()
