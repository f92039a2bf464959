"""REST on the container: what functions answer, with batches, metrics and SageMaker's routes."""

import json
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from http.client import HTTPConnection

import numpy as np
import pytest
from tritonclient import http as triton
from tritonclient.utils import InferenceServerException


@pytest.fixture(scope="module")
def client(container):
    """A stranger's client."""
    with triton.InferenceServerClient(container.http, concurrency=8) as connected:
        yield connected


class own:  # noqa: N801 - reads as a function
    """A client of this call's own: one may not be shared among threads."""

    def __init__(self, container):
        self._address = container.http

    def infer(self, *args, **values):
        """Ask and hang up."""
        with triton.InferenceServerClient(self._address) as connected:
            return connected.infer(*args, **values)


def tensor(array, datatype="FP32", name="x", *, is_binary=True):
    """An input."""
    made = triton.InferInput(name, list(array.shape), datatype)
    return made.set_data_from_numpy(array, binary_data=is_binary)


def call(container, method, path, body=b"", headers=None):
    """One request on a connection of its own: status, headers, body."""
    with closing(HTTPConnection(container.http, timeout=20)) as connection:
        connection.request(method, path, body, headers or {})
        response = connection.getresponse()
        return response.status, dict(response.getheaders()), response.read()


def test_a_strangers_client_is_served(client):
    """A stranger's client, unmodified: health, metadata, inference, statistics."""
    assert client.is_server_live()
    assert client.is_server_ready()
    assert client.is_model_ready("rows", "2")
    assert client.get_model_metadata("rows")["versions"] == ["1", "2"]
    result = client.infer("rows", [tensor(np.ones((3, 30), np.float32))], request_id="mine")
    assert result.as_numpy("score").shape == (3, 1)
    assert result.get_response()["id"] == "mine"
    assert result.get_response()["model_version"] == "2"
    assert client.get_inference_statistics("rows", "2")["model_stats"][0]["inference_count"] >= 3


def test_asynchronous_inference(client):
    """The client's own pool of requests is answered, each with its own result."""
    pending = [
        client.async_infer("doubled", [tensor(np.full((1, 4), n, np.float32))]) for n in range(32)
    ]
    answers = [one.get_result().as_numpy("y").tolist() for one in pending]
    assert answers == [[[2.0 * n] * 4] for n in range(32)]


def test_every_version_answers(client):
    """Both versions are loaded and give their own answers."""
    row = [tensor(np.ones((1, 30), np.float32))]
    scores = {
        version: client.infer("rows", row, model_version=version).as_numpy("score").item()
        for version in ("1", "2", "")
    }
    assert scores["1"] != scores["2"] == scores[""]


def test_answers_name_what_produced_them(container):
    """Release, version and request id are in every answer."""
    body = json.dumps(
        {"inputs": [{"name": "x", "shape": [1, 1], "datatype": "FP32", "data": [1.5]}]}
    )
    status, headers, answer = call(
        container, "POST", "/v2/models/doubled/infer", body, {"x-request-id": "r-1"}
    )
    assert (status, json.loads(answer)["outputs"][0]["data"]) == (200, [3.0])
    assert headers["x-falaj-release"] == "7"
    assert headers["x-falaj-variant"] == "1"
    assert headers["x-request-id"] == "r-1"
    assert "date" in headers


def test_errors_are_those_of_the_functions(client, container):
    """A client that matches on Triton's sentences keeps working."""
    with pytest.raises(InferenceServerException, match="'nobody' is not found"):
        client.infer("nobody", [tensor(np.ones((1, 30), np.float32))])
    with pytest.raises(InferenceServerException, match=r"Expected \[-1,30\], got \[1,8\]"):
        client.infer("rows", [tensor(np.ones((1, 8), np.float32))])
    status, _, body = call(container, "GET", "/nothing")
    assert (status, json.loads(body)["code"]) == (404, "unknown_route")


def test_an_invalid_output_is_our_fault_and_only_its_callers(container):
    """NaN is a 500 for the one who asked; those in the same batch get their numbers."""

    def ask(value):
        try:
            return (
                own(container)
                .infer("log", [tensor(np.array([value], np.float32))])
                .as_numpy("y")
                .item()
            )
        except InferenceServerException as error:
            return error.status()

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(ask, [1.0, -1.0] * 40))
    assert answers == [0.0, "500"] * 40


def test_one_refused_input_fails_nobody_else(container):
    """An index out of the table is its caller's 400, whoever shares the batch."""

    def ask(index):
        try:
            values = np.array([index], np.int64)
            found = own(container).infer("lookup", [tensor(values, "INT64", name="i")])
            return found.as_numpy("y").item()
        except InferenceServerException as error:
            return error.status()

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(ask, [0, 7, 2] * 30))
    assert answers == [10.0, "400", 30.0] * 30


def test_requests_of_many_callers_share_runs(client, container):
    """64 requests of 8 callers to a slow model take far fewer runs than requests."""

    def executions():
        return client.get_inference_statistics("slow")["model_stats"][0]["execution_count"]

    before = executions()
    row = np.ones((1, 1, 1), np.float32)
    with ThreadPoolExecutor(8) as pool:
        answers = [
            result.as_numpy("y").shape
            for result in pool.map(lambda _: own(container).infer("slow", [tensor(row)]), range(64))
        ]
    assert answers == [(1,)] * 64
    assert executions() - before <= 32


def test_a_model_that_registration_calls_unsafe_is_not_joined(client, container):
    """As many runs as requests, however many come at once."""
    row = np.ones((1, 30), np.float32)
    before = client.get_inference_statistics("unsafe")["model_stats"][0]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda _: own(container).infer("unsafe", [tensor(row)]), range(64)))
    after = client.get_inference_statistics("unsafe")["model_stats"][0]
    assert after["execution_count"] - before["execution_count"] == 64
    assert {batch["batch_size"] for batch in after["batch_stats"]} == {1}


def test_batched_answers_equal_single_ones_bit_for_bit(client, container):
    """For models whose arithmetic does not depend on the batch, company changes not one bit."""
    rng = np.random.default_rng(3)
    inputs = [rng.normal(size=(1 + n % 3, 5)).astype(np.float32) for n in range(60)]
    alone = [client.infer("doubled", [tensor(x)]).as_numpy("y").tobytes() for x in inputs]
    with ThreadPoolExecutor(8) as pool:
        together = list(
            pool.map(
                lambda x: own(container).infer("doubled", [tensor(x)]).as_numpy("y").tobytes(),
                inputs,
            )
        )
    assert together == alone == [(2 * x).tobytes() for x in inputs]


def test_widths_are_never_mixed(container):
    """Requests of several widths at once each get an answer of their own width."""
    inputs = [np.full((1, 1 + n % 4), n, np.float32) for n in range(80)]
    with ThreadPoolExecutor(8) as pool:
        answers = list(
            pool.map(lambda x: own(container).infer("doubled", [tensor(x)]).as_numpy("y"), inputs)
        )
    assert all(np.array_equal(y, 2 * x) for x, y in zip(inputs, answers, strict=True))


def test_text_survives_company(container):
    """BYTES tensors of different callers are joined and come apart again."""
    words = [np.array([[f"كلمة {n}", "b"]], dtype=object) for n in range(40)]
    with ThreadPoolExecutor(8) as pool:
        answers = list(
            pool.map(
                lambda w: (
                    own(container).infer("words", [tensor(w, "BYTES")]).as_numpy("y").tolist()
                ),
                words,
            )
        )
    assert answers == [[[text.encode() for text in word[0]]] for word in words]


def test_overload_is_refused_at_once_with_a_time_to_return(container):
    """With one running and four waiting, the others get 503 and `retry-after`; nobody hangs."""
    body = json.dumps(
        {"inputs": [{"name": "x", "shape": [1, 1, 1], "datatype": "FP32", "data": [1]}]}
    )

    def ask(_):
        return call(container, "POST", "/v2/models/small-queue/infer", body)

    with ThreadPoolExecutor(24) as pool:
        answers = list(pool.map(ask, range(48)))
    refused = [(headers, json.loads(text)) for status, headers, text in answers if status == 503]
    assert {status for status, _, _ in answers} == {200, 503}
    assert len(refused) >= 10
    assert all(headers["retry-after"] == "1" for headers, _ in refused)
    assert {document["code"] for _, document in refused} == {"overloaded"}


def test_a_timeout_in_the_queue_is_kept(container):
    """A request that may wait 1 µs behind a busy model is a 504, and does not run."""

    def ask(timeout):
        document = {
            "inputs": [{"name": "x", "shape": [1, 1, 1], "datatype": "FP32", "data": [1]}],
            "parameters": {"timeout": timeout},
        }
        return call(container, "POST", "/v2/models/small-queue/infer", json.dumps(document))[0]

    with ThreadPoolExecutor(4) as pool:
        statuses = list(pool.map(ask, [0, 1, 1, 1]))
    assert statuses.count(504) >= 1
    assert set(statuses) <= {200, 504}


def test_sagemakers_routes(container):
    """`/ping` says ready; `/invocations` says which route to take when there are several models."""
    assert call(container, "GET", "/ping")[0] == 200
    status, _, body = call(container, "POST", "/invocations", b"{}")
    assert (status, "POST /v2/models/<model>/infer" in json.loads(body)["error"]) == (400, True)


def test_metrics_have_tritons_names(container, client):
    """Dashboards made for Triton find their series, and the counts are right."""

    def metric(name):
        text = call(container, "GET", "/metrics")[2].decode()
        prefix = f'{name}{{model="types",version="1"}} '
        return next(
            int(line[len(prefix) :]) for line in text.splitlines() if line.startswith(prefix)
        )

    before = metric("nv_inference_request_success"), metric("nv_inference_exec_count")
    inputs = [
        tensor(np.zeros(2, dtype), name, name=f"in_{name}")
        for name, dtype in (
            ("BOOL", bool), ("UINT8", "u1"), ("UINT16", "u2"), ("UINT32", "u4"), ("UINT64", "u8"),
            ("INT8", "i1"), ("INT16", "i2"), ("INT32", "i4"), ("INT64", "i8"), ("FP16", "f2"),
            ("FP32", "f4"), ("FP64", "f8"),
        )
    ]  # fmt: skip
    inputs.append(tensor(np.array(["a", "b"], dtype=object), "BYTES", name="in_BYTES"))
    client.infer("types", inputs)
    assert metric("nv_inference_request_success") == before[0] + 1
    assert metric("nv_inference_exec_count") == before[1] + 1
    assert metric("nv_inference_pending_request_count") == 0
    assert metric("nv_inference_queue_duration_us") >= 0
