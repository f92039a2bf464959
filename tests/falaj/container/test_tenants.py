"""Promise: a container knows its tenants: the last priorities wait first, auditors see everyone.

Real clients, a real container, and AWS's services on a port of this machine.
"""

import http.client
import json
import socket
import time
from collections import Counter

import boto3
import grpc
import numpy as np
import pytest
from moto.server import ThreadedMotoServer
from tritonclient import grpc as triton
from tritonclient.grpc import service_pb2
from tritonclient.utils import InferenceServerException

from falaj.aws.capture_keys import CaptureKeys
from falaj.capture.records import audit_record
from falaj.contract import (
    CAPTURE_KEYS_ROOT,
    HEADER_CLIENT_SUBJECT,
    HEADER_SUBJECT,
    HEADER_TENANT,
    QUOTAS_PARAMETER,
    SHED_AUTO,
    SHED_PARAMETER,
)
from tests.falaj import onnx_models
from tests.falaj.container.conftest import SAFE, running, slow

PERSON = "784-1990-1234567-1"
PRIORITIES = {"gold": 1, "silver": 3, "last": 5}
CAPACITY = 4
METHOD = "/inference.GRPCInferenceService/ModelInfer"
AWS = {
    "AWS_ACCESS_KEY_ID": "test",
    "AWS_SECRET_ACCESS_KEY": "test",
    "AWS_REGION": "me-central-1",
    "AWS_DEFAULT_REGION": "me-central-1",
}
BODY = json.dumps(
    {"inputs": [{"name": "x", "shape": [1, 1, 1], "datatype": "FP32", "data": [1]}]}
).encode()


@pytest.fixture(scope="module")
def ssm():
    """A region with tenants' limits, and a key of one of them."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0)
    server.start()
    host, port = server.get_host_and_port()
    client = boto3.client(
        "ssm",
        region_name="me-central-1",
        endpoint_url=f"http://{host}:{port}",
        aws_access_key_id="test",
        aws_secret_access_key="test",
    )
    limits = {
        name: {"rate_per_s": 1000, "burst": 1000, "priority": priority}
        for name, priority in PRIORITIES.items()
    }
    written = {"table": "quotas", "limits": limits}
    parameters = {QUOTAS_PARAMETER: json.dumps(written), SHED_PARAMETER: SHED_AUTO}
    for name, value in parameters.items():
        client.put_parameter(Name=name, Type="String", Value=value, Overwrite=True)
    yield client
    # Other files' servers of this process have the same memory.
    client.delete_parameters(Names=list(parameters))
    for tenant in PRIORITIES:
        CaptureKeys(client, CAPTURE_KEYS_ROOT).destroy(tenant)
    server.stop()


@pytest.fixture(scope="module")
def key(ssm):
    """The key under which auditors see a tenant's people."""
    return CaptureKeys(ssm, CAPTURE_KEYS_ROOT).rotate("gold")


@pytest.fixture(scope="module")
def container(ssm, key, tmp_path_factory):  # noqa: ARG001 - keys are read at the start
    """A container of a model that takes its time, whose queue is short."""
    root = tmp_path_factory.mktemp("tenants-models")
    onnx_models.write_version(root, "slow", 1, slow(20), batching=SAFE)
    onnx_models.write_version(root, "rows", 1, onnx_models.linear(seed=1), batching=SAFE)
    batching = {"enabled": False, "max_queue_size": CAPACITY}
    serving = {"models": {"slow": {"batching": batching}}}
    (root / "serving.json").write_text(json.dumps(serving))
    asked = {
        **AWS,
        "AWS_ENDPOINT_URL": ssm.meta.endpoint_url,
        "FALAJ_RANKS": "tenants",
        "FALAJ_CAPTURE": CAPTURE_KEYS_ROOT,
        "FALAJ_THREADS": "1",
    }
    module = "tests.falaj.container.quick_server"
    with running(root, tmp_path_factory.mktemp("tenants"), module=module, **asked) as started:
        yield started


def rest(container, path, body=BODY, **headers):
    """One request; its status, headers and document."""
    connection = http.client.HTTPConnection("127.0.0.1", container.port, timeout=60)
    named = {HEADER_TENANT: "gold", HEADER_SUBJECT: PERSON, **headers}
    connection.request("POST" if body else "GET", path, body, named)
    response = connection.getresponse()
    content = response.read()
    connection.close()
    return response.status, response.headers, content


def sent(container, *tenants):
    """Send an inference of each tenant, all at once; their sockets."""
    address = ("127.0.0.1", container.port)
    connections = [socket.create_connection(address, timeout=60) for _ in tenants]
    for connection, tenant in zip(connections, tenants, strict=True):
        head = (
            "POST /v2/models/slow/infer HTTP/1.1\r\nhost: x\r\n"
            f"content-length: {len(BODY)}\r\n{HEADER_TENANT}: {tenant}\r\n\r\n"
        )
        connection.sendall(head.encode() + BODY)
    return connections


def answer(connection):
    """Read what a socket is answered."""
    response = http.client.HTTPResponse(connection)
    response.begin()
    document = json.loads(response.read())
    connection.close()
    return response.status, response.headers.get("retry-after"), document.get("code")


def records(container):
    """The audit records that the container's lines hold, in order."""
    found = [audit_record(line, event="e") for line in container.lines()]
    return [record for record in found if record]


def metadata(name):
    """What the balancer says of a verified certificate."""
    return {HEADER_CLIENT_SUBJECT: f"CN={name},OU={PERSON},O=Bank"}


def row():
    """An input of the quick model."""
    made = triton.InferInput("x", [1, 30], "FP32")
    return [made.set_data_from_numpy(np.ones((1, 30), np.float32))]


def test_a_full_queue_refuses_the_last_priority_first(container):
    """Of a flood the last wait, told when to return; as many of the first as have room pass."""
    came = sent(container, *["last"] * 24, *["gold"] * CAPACITY)
    ends = [answer(one) for one in came]
    others, firsts = Counter(ends[:24]), ends[24:]

    assert {status for status, *_ in firsts} == {200}
    assert set(others) <= {(200, None, None), (429, "1", "shed")}
    assert others[429, "1", "shed"] >= CAPACITY


def test_the_first_priority_is_told_503(container):
    """There is nobody who could wait for it: the service is full."""
    ends = Counter(map(answer, sent(container, *["gold"] * 24)))

    assert set(ends) == {(200, None, None), (503, "1", "overloaded")}


def flooded(container, tenant, count):
    """Send calls of gRPC at once; their futures."""
    body = service_pb2.ModelInferRequest(model_name="slow")
    body.inputs.add(name="x", datatype="FP32", shape=[1, 1, 1]).contents.fp32_contents.append(1)
    channel = grpc.insecure_channel(container.grpc)
    call = channel.unary_unary(METHOD)
    pairs = tuple(metadata(tenant).items())
    data = body.SerializeToString()
    return channel, [call.future(data, metadata=pairs, timeout=60) for _ in range(count)]


def test_over_grpc_the_last_priority_waits_first(container):
    """The certificate's common name is the tenant; the status is RESOURCE_EXHAUSTED."""
    channel, flood = flooded(container, "last", 24)
    other, first = flooded(container, "gold", CAPACITY)
    firsts = {future.code() for future in first}
    ends = [(future.code(), dict(future.trailing_metadata())) for future in flood]
    channel.close()
    other.close()
    refused = [trailers for code, trailers in ends if code is grpc.StatusCode.RESOURCE_EXHAUSTED]

    assert firsts == {grpc.StatusCode.OK}
    assert {code for code, _ in ends} <= {
        grpc.StatusCode.OK,
        grpc.StatusCode.RESOURCE_EXHAUSTED,
    }
    assert len(refused) >= CAPACITY
    assert {(t["falaj-code"], t["retry-after"]) for t in refused} == {("shed", "1")}


def test_who_waits_is_counted_for_the_alarm(container):
    """The flood above is told as the load shedder tells it: one of five priorities waits."""
    told = {
        (line.get("Model") or line.get("Scope"), line["Shed"])
        for line in wait_for(lambda: [x for x in container.lines() if "Shed" in x])
    }

    assert told == {("slow", 1), ("all-models", 1)}


def wait_for(find, seconds=60):
    """Wait until something is there."""
    until = time.monotonic() + seconds
    while not (found := find()) and time.monotonic() < until:
        time.sleep(0.05)
    assert found
    return found


def test_an_operators_word_overrules_the_queue(container, ssm):
    """Whom he sheds is refused at the door of an idle service; with `auto` nobody is."""

    def said(word):
        ssm.put_parameter(Name=SHED_PARAMETER, Type="String", Value=word, Overwrite=True)

    def asked(tenant):
        (connection,) = sent(container, tenant)
        return answer(connection)

    shed = (429, "60", "shed")
    said("2")
    wait_for(lambda: asked("last") == shed)
    assert [asked(tenant) for tenant in ("gold", "silver", "nobody")] == [
        (200, None, None),
        shed,
        (200, None, None),
    ]
    said("5")
    wait_for(lambda: asked("last") == (200, None, None))
    full = Counter(map(answer, sent(container, *["last"] * 24)))
    assert set(full) == {(200, None, None), (503, "1", "overloaded")}  # he lets nobody wait
    said(SHED_AUTO)


def test_every_answer_over_rest_leaves_a_record(container, key):
    """Good, refused, unknown and shed: who, what, which model, when and how it ended."""
    before = len(records(container))
    number = {"name": "x", "shape": [1, 30], "datatype": "FP32", "data": [0.5] * 30}
    body = json.dumps({"id": PERSON, "inputs": [number]}).encode()
    id_ = "0af7651916cd43dd8448eb211c80319c"
    rest(container, "/v2/models/rows/infer", body, **{"x-request-id": id_})
    rest(container, "/v2/models/rows/infer", b"{" + PERSON.encode(), **{"x-request-id": PERSON})
    rest(container, "/v2/models/rows/versions/9/infer", body)
    rest(container, f"/v2/models/{PERSON}/infer", body)
    rest(container, "/v2/models/rows", None)
    rest(container, "/v2/health/ready", None)
    found = records(container)[before:]

    assert [(r["operation"], r["model"], r["status"], r["outcome"]) for r in found] == [
        ("infer", "rows", 200, "ok"),
        ("infer", "rows", 400, "client_error"),
        ("infer", "rows", 404, "client_error"),
        ("infer", None, 404, "client_error"),
        ("model_metadata", None, 200, "ok"),
    ]
    assert {r["who"] for r in found} == {key.who(PERSON)}
    assert [r["input"] for r in found[:1]] == [key.input(body)]
    assert [r["request_id"] for r in found[:2]] == [id_, None]
    assert (found[0]["version"], found[0]["variant"], found[0]["release"]) == ("1", "1", "7")
    assert len(found[0]["digest"]) == 64


def test_every_answer_over_grpc_leaves_a_record(container):
    """The certificate says who; one whose tenant has no key is recorded without a name."""
    before = len(records(container))
    with triton.InferenceServerClient(container.grpc) as client:
        client.infer("rows", row(), headers=metadata("gold"))
        client.get_model_metadata("rows", headers=metadata("gold"))
        client.is_server_live(headers=metadata("gold"))
        for name in ("nobody", "slow"):
            with pytest.raises(InferenceServerException):
                client.infer(name, row(), headers=metadata("silver"))
        client.infer("rows", row())
    found = records(container)[before:]

    assert [(r["operation"], r["status"], r["fault"]) for r in found] == [
        ("infer", "OK", None),
        ("model_metadata", "OK", None),
        ("infer", "NOT_FOUND", "the tenant has no key"),
        ("infer", "INVALID_ARGUMENT", "the tenant has no key"),
        ("infer", "OK", "nobody was asked who they are"),
    ]
    assert [r["model"] for r in found] == ["rows", None, None, "slow", "rows"]


def test_shed_answers_leave_records_too(container):
    """Those of the floods above: 429 and RESOURCE_EXHAUSTED."""
    assert {429, 503, "RESOURCE_EXHAUSTED"} <= {r["status"] for r in records(container)}


def test_records_are_numbered_without_a_hole(container):
    """What got lost between the container and the trail is missed."""
    found = records(container)

    assert [r["number"] for r in found] == list(range(1, len(found) + 1))
    assert len({r["stream"] for r in found}) == 1


def test_nobody_is_named_in_the_log(container):
    """Neither who asked nor what was asked, whatever it came to."""
    assert PERSON not in container.log.read_text()
