"""Administration: what queues do, forget a cache, stop; on a port of its own."""

import json
from http.client import HTTPConnection

from tests.falaj.container.conftest import SAFE, doubled, running
from tests.falaj.onnx_models import write_version


def test_an_operator_looks_forgets_and_stops(tmp_path):
    """Queues are shown, a cache is emptied, and draining ends the process with 0."""
    root = tmp_path / "models"
    write_version(root, "doubled", 1, doubled(), batching=SAFE)
    cached = {"models": {"doubled": {"cache": {"enabled": True}}}}
    (root / "serving.json").write_text(json.dumps(cached))
    with running(root, tmp_path, FALAJ_ADMIN_PORT="0") as container:

        def call(address, method, path, body=None):
            connection = HTTPConnection(address, timeout=10)
            connection.request(method, path, body)
            response = connection.getresponse()
            found = response.status, response.read()
            connection.close()
            return found

        item = {"name": "x", "shape": [1, 1], "datatype": "FP32", "data": [1]}
        asked = json.dumps({"inputs": [item]})
        assert call(container.http, "POST", "/invocations", asked)[0] == 200
        assert call(container.http, "GET", "/admin/models")[0] == 404
        _, text = call(container.admin, "GET", "/admin/models")
        assert [(m["name"], m["waiting"], m["cache_bytes"] > 0) for m in json.loads(text)] == [
            ("doubled", 0, True)
        ]
        path = "/admin/models/doubled/versions/{}/cache"
        status, text = call(container.admin, "DELETE", path.format(1))
        assert (status, json.loads(text)["freed_bytes"] > 0) == (200, True)
        assert call(container.admin, "DELETE", path.format(9))[0] == 404
        assert call(container.admin, "POST", "/admin/drain")[0] == 202
        assert container.wait() == 0
