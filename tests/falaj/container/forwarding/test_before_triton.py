"""Promise: NVIDIA's own server, started as the task starts it, is reached through the gate alone.

The tritonserver binary of NVIDIA's wheel, with its Python backend; skipped only where the wheel
cannot be installed.
"""

import http.client
import json

import grpc
import numpy as np
import psutil
import pytest
from tritonclient import grpc as triton_grpc, http as triton_http
from tritonclient.grpc import service_pb2
from tritonclient.utils import InferenceServerException

from falaj.capture.records import audit_record
from tests.falaj.container.forwarding.conftest import DIGESTS
from tests.falaj.container.test_gate import CODES, METHODS, ROUTES, called, minted, rest, streamed

ROW = np.arange(30, dtype=np.float32).reshape(1, 30)


def given(kind, *, binary=None):
    """The row as a client of either protocol sends it."""
    made = kind.InferInput("x", [1, 30], "FP32")
    return [made.set_data_from_numpy(ROW, **({} if binary is None else {"binary_data": binary}))]


def records(gate):
    """The audit records that the gate's lines hold, in order."""
    found = [audit_record(line, event="e") for line in gate.lines()]
    return [record for record in found if record]


def test_its_ports_are_open_to_its_own_task_alone(triton):
    """127.0.0.1 for REST, gRPC and metrics: the task's address answers on none of them."""
    listening = {
        held.laddr.port: held.laddr.ip
        for held in psutil.Process(triton.process.pid).net_connections("tcp")
        if held.status == psutil.CONN_LISTEN
    }

    assert set(listening) == set(triton.ports)
    assert {ip.removeprefix("::ffff:") for ip in listening.values()} == {"127.0.0.1"}


def test_without_a_token_nobody_gets_an_answer(triton_gate, issuer):
    """REST and gRPC, on every route and in every method; with one everybody who may does."""
    for token, due in ((None, 401), (minted(issuer, tenant="globex"), 403), (minted(issuer), 200)):
        by_rest = {
            rest(triton_gate, route[0], f"/v2/models/rows{route[1]}", token)[0]
            for route in ROUTES
            if route[0] == "GET"
        }
        by_grpc = {called(triton_gate, method, token) for method in METHODS.keys() - {"ModelInfer"}}
        assert (by_rest, by_grpc) == ({due}, {CODES[due]})


@pytest.mark.parametrize("binary", [False, True])
@pytest.mark.parametrize("compression", [None, "gzip", "deflate"])
def test_an_unmodified_rest_client_infers(binary, compression, triton_gate, issuer):
    """JSON and binary, compressed either way: what NVIDIA's server answers comes back."""
    with triton_http.InferenceServerClient(triton_gate.http) as client:
        answer = client.infer(
            "rows",
            given(triton_http, binary=binary),
            outputs=[triton_http.InferRequestedOutput("y", binary_data=binary)],
            headers={"authorization": f"Bearer {minted(issuer)}"},
            request_compression_algorithm=compression,
            response_compression_algorithm=compression,
        )

    assert answer.as_numpy("y").tolist() == ROW.tolist()
    assert answer.get_response()["model_version"] == "2"


def test_an_unmodified_grpc_client_infers_and_streams(triton_gate, issuer):
    """One call, and a stream of several."""
    token = minted(issuer)
    with triton_grpc.InferenceServerClient(triton_gate.grpc) as client:
        answer = client.infer(
            "rows", given(triton_grpc), headers={"authorization": f"Bearer {token}"}
        )
    told = streamed(triton_gate, token, ["rows"] * 3)

    assert answer.as_numpy("y").tolist() == ROW.tolist()
    assert told == ["rows"] * 3


def test_every_answer_is_in_the_trail(triton_gate, triton, region, issuer):
    """Who, which version and digest, and how it ended, also where Triton itself refuses."""
    token, before = minted(issuer, sub="clerk-9"), len(records(triton_gate))
    path = "/v2/models/rows/versions/1/infer"
    status, _, body = rest(triton_gate, "POST", path, token, b"{}")
    said = rest(triton, "POST", path, None, b"{}")
    with triton_grpc.InferenceServerClient(triton_gate.grpc) as client:
        headers = {"authorization": f"Bearer {token}"}
        client.infer("rows", given(triton_grpc), headers=headers)
        with pytest.raises(InferenceServerException) as refused:
            client.infer("rows", [], headers=headers)
    found = records(triton_gate)[before:]

    assert [(r["version"], r["digest"], r["status"], r["outcome"]) for r in found] == [
        ("1", DIGESTS["1"], 500, "error"),
        ("2", DIGESTS["2"], "OK", "ok"),
        ("2", DIGESTS["2"], "INVALID_ARGUMENT", "client_error"),
    ]
    assert {r["who"] for r in found} == {region[1].who("clerk-9")}
    assert (status, body) == (said[0], said[2])
    assert "expected 1 inputs but got 0" in str(refused.value)


def test_the_name_that_counts_is_the_one_that_triton_reads(triton):
    """Of two in one message the last: NVIDIA's parser and the gate's agree."""
    first = service_pb2.ModelReadyRequest(name="nobody").SerializeToString()
    last = service_pb2.ModelReadyRequest(name="rows").SerializeToString()
    with grpc.insecure_channel(triton.grpc) as channel:
        ready = channel.unary_unary(
            "/inference.GRPCInferenceService/ModelReady",
            response_deserializer=service_pb2.ModelReadyResponse.FromString,
        )
        told = [ready(first + last, timeout=30).ready, ready(last + first, timeout=30).ready]

    assert told == [True, False]


def test_models_are_not_to_be_unloaded_nor_logs_redirected(triton_gate, issuer):
    """What Triton would do for anybody, nobody reaches; and it still serves afterwards."""
    token = minted(issuer)
    headers = {"authorization": f"Bearer {token}"}
    statuses = []
    for path in ("/v2/repository/models/rows/unload", "/v2/logging", "/v2/trace/setting"):
        connection = http.client.HTTPConnection(triton_gate.http, timeout=30)
        connection.request("POST", path, json.dumps({"log_file": "/tmp/x"}), headers)
        statuses.append(connection.getresponse().status)
        connection.close()

    assert statuses == [403] * 3
    assert rest(triton_gate, "GET", "/v2/health/ready", None)[0] == 200
    assert rest(triton_gate, "GET", "/v2/models/rows/ready", token)[0] == 200


def test_its_health_is_the_gates_by_grpc(triton_gate):
    """As the balancer asks it."""
    with grpc.insecure_channel(triton_gate.grpc) as channel:
        health = channel.unary_unary("/grpc.health.v1.Health/Check")(b"", timeout=30)

    assert health == b"\x08\x01"
