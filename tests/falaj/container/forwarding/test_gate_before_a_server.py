"""Promise: behind the gate a server that asks nobody is reached by who may, and by nothing else.

The gate's own process before our container without any check, with real tokens and clients.
"""

import http.client
import json
import signal
from collections import Counter

import grpc
import numpy as np
import pytest
from tritonclient import grpc as triton, http as triton_http
from tritonclient.grpc import service_pb2
from tritonclient.utils import InferenceServerException

from falaj.capture.records import audit_record
from tests.falaj.container.conftest import running
from tests.falaj.container.forwarding.conftest import DIGESTS, gated
from tests.falaj.container.test_gate import (
    BODY,
    CALLERS,
    CODES,
    METHODS,
    ROUTES,
    called,
    minted,
    rest,
    row,
    streamed,
)

NOWHERE = "127.0.0.1:1"
"""Nobody listens on that port."""
PERSON = "784-1990-1234567-1"


def records(gate):
    """The audit records that the gate's lines hold, in order."""
    found = [audit_record(line, event="e") for line in gate.lines()]
    return [record for record in found if record]


@pytest.mark.parametrize("caller", CALLERS)
def test_each_caller_gets_exactly_what_is_due(caller, gate, issuer):
    """By REST on every route, by gRPC in every method."""
    make, due = CALLERS[caller]
    token = make(issuer)
    by_rest = {
        route: rest(gate, route[0], f"/v2/models/rows{route[1]}", token)[0] for route in ROUTES
    }
    by_grpc = {method: called(gate, method, token) for method in METHODS}

    assert set(by_rest.values()) == {due}, by_rest
    assert set(by_grpc.values()) == {CODES[due]}, by_grpc


@pytest.mark.parametrize("is_binary", [False, True])
@pytest.mark.parametrize("compression", [None, "gzip"])
def test_an_unmodified_rest_client_gets_the_servers_own_answer(
    is_binary, compression, gate, container, issuer
):
    """JSON and binary tensors, compressed or not, to the last bit."""
    rng = np.random.default_rng(5)
    given = triton_http.InferInput("x", [3, 30], "FP32")
    given.set_data_from_numpy(rng.normal(size=(3, 30)).astype(np.float32), binary_data=is_binary)
    wanted = [triton_http.InferRequestedOutput("score", binary_data=is_binary)]
    got = []
    for address in (gate.http, container.http):
        with triton_http.InferenceServerClient(address) as client:
            answer = client.infer(
                "rows",
                [given],
                outputs=wanted,
                headers={"authorization": f"Bearer {minted(issuer)}"},
                request_compression_algorithm=compression,
                response_compression_algorithm=compression,
            )
            got.append(answer.as_numpy("score").tobytes())

    assert got[0] == got[1]


def test_an_unmodified_grpc_client_gets_the_servers_own_answer(gate, container, issuer):
    """Also for another version than the default one."""
    token = {"authorization": f"Bearer {minted(issuer)}"}
    got = []
    for address in (gate.grpc, container.grpc):
        with triton.InferenceServerClient(address) as client:
            answers = [
                client.infer("rows", row(), model_version=version, headers=token)
                for version in ("", "1", "2")
            ]
            got.append([answer.as_numpy("score").tobytes() for answer in answers])

    assert got[0] == got[1]
    assert got[0][1] != got[0][2]


def test_large_tensors_pass(gate, issuer):
    """Eight megabytes each way in binary, read where they stay on the way in."""
    rows = 70_000
    given = triton_http.InferInput("x", [rows, 30], "FP32")
    given.set_data_from_numpy(np.ones((rows, 30), np.float32))
    with triton_http.InferenceServerClient(gate.http, network_timeout=120) as client:
        for _ in range(2):  # the second time its head is known
            answer = client.infer(
                "rows", [given], headers={"authorization": f"Bearer {minted(issuer)}"}
            )
            assert len(answer.as_numpy("score")) == rows


@pytest.mark.parametrize(
    ("method", "path", "due"),
    [
        ("POST", "/v2/repository/models/rows/load", 403),
        ("POST", "/v2/repository/models/rows/unload", 403),
        ("POST", "/v2/systemsharedmemory/region/x/register", 403),
        ("GET", "/v2/cudasharedmemory/status", 403),
        ("POST", "/v2/trace/setting", 403),
        ("POST", "/v2/logging", 403),
        ("POST", "/v2/models/rows/generate", 403),
        ("POST", "/v2/models/doubled/infer", 403),
        ("POST", "/v2/models/rows/../doubled/infer", 403),
        ("POST", "/v2/models/rows/versions/9/infer", 404),
        ("GET", "/metrics", 404),
        ("PUT", "/v2/models/rows", 403),
    ],
)
def test_nothing_else_of_the_server_is_reached(method, path, due, gate, issuer):
    """Its repository, its memory, its log and its other models are nobody's to touch."""
    token = minted(issuer)
    connection = http.client.HTTPConnection(gate.http, timeout=30)
    connection.request(method, path, b"{}", {"authorization": f"Bearer {token}"})
    answer = connection.getresponse()
    body = json.loads(answer.read())
    connection.close()

    assert answer.status == due
    assert set(body) == {"error", "code", "request_id"}


@pytest.mark.parametrize(
    "method",
    [
        "RepositoryModelLoad",
        "RepositoryModelUnload",
        "SystemSharedMemoryRegister",
        "CudaSharedMemoryStatus",
        "TraceSetting",
        "LogSettings",
    ],
)
def test_nothing_else_is_called(method, gate, issuer):
    """Methods of the same kind are not there."""
    with grpc.insecure_channel(gate.grpc) as channel, pytest.raises(grpc.RpcError) as refused:
        channel.unary_unary(f"/inference.GRPCInferenceService/{method}")(
            b"", metadata=(("authorization", f"Bearer {minted(issuer)}"),), timeout=30
        )

    assert refused.value.code() is grpc.StatusCode.UNIMPLEMENTED


def test_the_last_name_in_a_message_counts_as_it_does_behind(gate, issuer):
    """Two names in one message: what the gate has looked at is what the server runs."""
    allowed = service_pb2.ModelInferRequest(model_name="rows").SerializeToString()
    other = service_pb2.ModelInferRequest(model_name="doubled").SerializeToString()
    with grpc.insecure_channel(gate.grpc) as channel, pytest.raises(grpc.RpcError) as refused:
        channel.unary_unary("/inference.GRPCInferenceService/ModelInfer")(
            allowed + other,
            metadata=(("authorization", f"Bearer {minted(issuer)}"),),
            timeout=30,
        )

    assert refused.value.code() is grpc.StatusCode.PERMISSION_DENIED


def test_rest_and_grpc_are_counted_from_one_bucket(gate, issuer):
    """Three at once: two over REST and one over gRPC."""
    slow = minted(issuer, tenant="slow")
    first = [rest(gate, "POST", "/v2/models/rows/infer", slow)[0] for _ in range(2)]
    third = called(gate, "ModelInfer", slow)
    status, headers, _ = rest(gate, "POST", "/v2/models/rows/infer", slow)

    assert (first, third, status) == ([200, 200], "OK", 429)
    assert 1 <= int(headers["retry-after"]) <= 100


def test_every_request_leaves_a_record_with_who_and_which_model(gate, region, issuer):
    """REST and gRPC: the caller's pseudonym, the version that answered, its digest, the input."""
    key, token = region[1], minted(issuer, sub=PERSON)
    before = len(records(gate))
    rest(gate, "POST", "/v2/models/rows/infer", token)
    rest(gate, "POST", "/v2/models/rows/versions/1/infer", token)
    rest(gate, "POST", "/v2/models/rows/infer", token, b"{}")
    rest(gate, "GET", "/v2/models/rows", token)
    with triton.InferenceServerClient(gate.grpc) as client:
        client.infer("rows", row(), headers={"authorization": f"Bearer {token}"})
    found = records(gate)[before:]

    assert [(r["operation"], r["model"], r["version"], r["status"]) for r in found] == [
        ("infer", "rows", "2", 200),
        ("infer", "rows", "1", 200),
        ("infer", "rows", "2", 400),
        ("model_metadata", "rows", "2", 200),
        ("infer", "rows", "2", "OK"),
    ]
    assert {r["who"] for r in found} == {key.who(PERSON)}
    assert [r["digest"] for r in found[:2]] == [DIGESTS["2"], DIGESTS["1"]]
    assert found[0]["input"] == found[1]["input"] == key.input(BODY)
    assert found[4]["input"] is not None
    assert PERSON not in gate.log.read_text()
    assert token not in gate.log.read_text()


def test_a_stream_is_relayed_and_each_request_looked_at(gate, issuer):
    """Answers come in order; the first request to what the token does not open ends it."""
    before = len(records(gate))
    token = minted(issuer, sub="streaming")
    *good, bad = streamed(gate, token, ["rows", "rows", "rows", "slow"])
    found = records(gate)[before:]

    assert good == ["rows"] * 3
    assert str(bad.status()) == CODES[403]
    assert Counter(r["status"] for r in found) == {"OK": 3, "PERMISSION_DENIED": 1}


def test_a_streams_surplus_is_told_request_by_request(gate, issuer):
    """So that the others of the stream go on."""
    told = streamed(gate, minted(issuer, tenant="slow", jti="streams"), ["rows"] * 5)

    assert any("is over its rate" in str(each) for each in told[3:])


def test_a_wrong_request_of_a_stream_has_the_servers_own_sentence(gate, issuer):
    """And leaves a record of a request that came to nothing."""
    before = len(records(gate))
    told = []
    with triton.InferenceServerClient(gate.grpc) as client:
        client.start_stream(
            lambda result, error: told.append(error or result),
            headers={"authorization": f"Bearer {minted(issuer)}"},
        )
        given = triton.InferInput("nothing", [1, 30], "FP32")
        client.async_stream_infer("rows", [given.set_data_from_numpy(np.ones((1, 30), np.float32))])
        client.stop_stream()

    assert "nothing" in str(told[0])
    assert [r["status"] for r in records(gate)[before:]] == ["INTERNAL"]


def test_refusals_are_recorded_and_a_flood_of_them_is_not(region, container, tmp_path):
    """Forty requests without a token, and some of known callers: few records, whose counts are all.

    The last are written when the gate ends.
    """
    with gated(tmp_path, container.http, container.grpc, **region[0]) as gate:
        for _ in range(30):
            assert rest(gate, "POST", "/v2/models/rows/infer", None)[0] == 401
        for _ in range(10):
            assert called(gate, "ModelInfer", "no.such.token") == CODES[401]
        gate.terminate()
        assert gate.wait() == 0
        found = records(gate)

    totals = Counter()
    for record in found:
        assert record["outcome"] == "unauthenticated"
        assert (record["who"], record["input"]) == (None, None)
        totals[record["status"]] += record["count"]
    assert totals == {401: 30, "UNAUTHENTICATED": 10}
    assert len(found) <= 10  # at most a first, a tenth and a rest of each, over a minute's turn


def test_a_known_caller_who_may_not_is_named_in_the_record(gate, region, issuer):
    """Another model's scope: who it was, and why he was refused."""
    token = minted(issuer, sub="clerk-7", scopes=["model:other:invoke"])
    rest(gate, "POST", "/v2/models/rows/infer", token)
    (record,) = [r for r in records(gate) if r["who"] == region[1].who("clerk-7")]

    assert (record["status"], record["outcome"], record["count"]) == (403, "forbidden", 1)


def test_without_its_server_the_gate_is_alive_and_not_ready(tmp_path):
    """Balancers send nothing here, and who comes anyway is told to come back."""
    with gated(tmp_path, NOWHERE, NOWHERE) as gate:
        by_rest = [
            rest(gate, method, path, None)[:2]
            for method, path in (
                ("GET", "/v2/health/live"),
                ("GET", "/v2/health/ready"),
                ("GET", "/ping"),
                ("POST", "/v2/models/rows/infer"),
            )
        ]
        with grpc.insecure_channel(gate.grpc) as channel:
            health = channel.unary_unary("/grpc.health.v1.Health/Check")(b"", timeout=30)
        with (
            triton.InferenceServerClient(gate.grpc) as client,
            pytest.raises(InferenceServerException) as refused,
        ):
            client.infer("rows", row())

    assert [status for status, _ in by_rest] == [200, 503, 503, 503]
    assert by_rest[3][1]["retry-after"] == "5"
    assert health == b"\x08\x02"
    assert str(refused.value.status()) == "StatusCode.UNAVAILABLE"


def test_it_is_ready_as_soon_as_its_server_is_and_no_longer(container_models, tmp_path):
    """Readiness follows the server's, each way in its own protocol."""
    before = tmp_path / "before"
    before.mkdir()
    with (
        running(container_models, tmp_path) as server,
        gated(before, server.http, server.grpc) as gate,
    ):
        first = rest(gate, "GET", "/v2/health/ready", None)[0]
        server.process.kill()
        server.wait()
        then = rest(gate, "GET", "/v2/health/ready", None)[0]

    assert (first, then) == (200, 503)


def test_a_gate_that_ends_answers_what_is_under_way(container, tmp_path):
    """SIGTERM while requests wait behind it: each is answered, then it is gone."""
    with gated(
        tmp_path,
        container.http,
        container.grpc,
        FALAJ_MODEL_NAME="slow",
        FALAJ_MODEL_VERSION="1",
        FALAJ_DRAIN_S="60",
    ) as gate:
        body = json.dumps(
            {"inputs": [{"name": "x", "shape": [8, 1, 1], "datatype": "FP32", "data": [1] * 8}]}
        )
        asked = [http.client.HTTPConnection(gate.http, timeout=60) for _ in range(8)]
        for connection in asked:
            connection.request("POST", "/v2/models/slow/infer", body)
        gate.process.send_signal(signal.SIGTERM)
        statuses = [connection.getresponse().status for connection in asked]
        for connection in asked:
            connection.close()

        assert statuses == [200] * 8
        assert gate.wait() == 0
