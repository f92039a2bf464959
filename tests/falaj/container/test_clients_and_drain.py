"""Clients that stall, leave, flood and lie; and a container that is told to stop."""

import json
import signal
import socket
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from http.client import HTTPConnection, RemoteDisconnected

import pytest

from tests.falaj.container.conftest import running

BODY = json.dumps(
    {"inputs": [{"name": "x", "shape": [1, 2], "datatype": "FP32", "data": [1, 2]}]}
).encode()
SLOW = json.dumps(
    {"inputs": [{"name": "x", "shape": [1, 1, 1], "datatype": "FP32", "data": [1]}]}
).encode()
HEAD = b"POST /v2/models/doubled/infer HTTP/1.1\r\nhost: x\r\n"


def connected(container):
    """A raw connection."""
    return socket.create_connection(("127.0.0.1", container.port), timeout=10)


def said(held):
    """Everything until the server closes."""
    received = b""
    try:
        while piece := held.recv(65536):
            received += piece
    except ConnectionResetError:
        pass
    return received


def is_serving(container):
    """A well-behaved client's inference."""
    with closing(HTTPConnection("127.0.0.1", container.port, timeout=10)) as connection:
        connection.request("POST", "/v2/models/doubled/infer", BODY)
        answer = json.loads(connection.getresponse().read())
    return answer["outputs"][0]["data"] == [2.0, 4.0]


@pytest.mark.parametrize(
    ("data", "status"),
    [
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\0" * 64, b"400"),
        (HEAD + b"content-length: 5\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n", b"400"),
        (HEAD + b"content-length: -1\r\n\r\n", b"400"),
        (HEAD + b"content-length: 1\r\ncontent-length: 2\r\n\r\nab", b"400"),
        (HEAD + b"transfer-encoding: chunked\r\n\r\nzz\r\n", b"400"),
        (HEAD + b"content-length: 99999999999\r\n\r\n", b"413"),
        (HEAD + b"x: " + b"y" * 40_000 + b"\r\n\r\n", b"431"),
        (HEAD + b"".join(b"h%d: 1\r\n" % n for n in range(200)) + b"\r\n", b"431"),
        (b"GET /" + b"a" * 40_000 + b" HTTP/1.1\r\n\r\n", b"431"),
    ],
    ids=["tls", "both", "negative", "twice", "chunk", "length", "header", "headers", "path"],
)
def test_what_is_no_request_is_refused_and_closed(container, data, status):
    """Each is answered with its status; the next client is served."""
    with connected(container) as held:
        held.sendall(data)
        answer = said(held)
    assert answer.startswith(b"HTTP/1.1 " + status), answer[:200]
    assert b"connection: close" in answer
    assert is_serving(container)


def test_a_chunked_body_is_read(container):
    """Pieces of any size make one request."""
    pieces = b"".join(b"%x\r\n%s\r\n" % (1, BODY[n : n + 1]) for n in range(len(BODY)))
    with connected(container) as held:
        data = HEAD + b"connection: close\r\ntransfer-encoding: chunked\r\n\r\n" + pieces
        held.sendall(data + b"0\r\n\r\n")
        assert said(held).startswith(b"HTTP/1.1 200")


def test_an_endless_chunked_body_is_cut(container):
    """A body that never ends is refused once it is too large."""
    with connected(container) as held:
        held.sendall(HEAD + b"transfer-encoding: chunked\r\n\r\n")
        try:
            for _ in range(40):
                held.sendall(b"100000\r\n" + b"0" * 0x100000 + b"\r\n")
        except OSError:
            pass
        assert b"413" in said(held)[:20]
    assert is_serving(container)


def test_pipelined_requests_are_answered_in_order(container):
    """Fifty at once on one connection come back in the order they went."""
    requests = b""
    for n in range(50):
        last = b"connection: close\r\n" if n == 49 else b""
        head = HEAD + b"x-request-id: n%d\r\ncontent-length: %d\r\n" % (n, len(BODY))
        requests += head + last + b"\r\n" + BODY
    with connected(container) as held:
        held.sendall(requests)
        answer = said(held).decode()
    assert answer.count("HTTP/1.1 200") == 50
    places = [answer.index(f"x-request-id: n{n}\r\n") for n in range(50)]
    assert places == sorted(places)


def test_clients_that_stall_hurt_nobody(container):
    """300 that send half a head or half a body keep no one else from an answer."""
    stalled = []
    for n in range(300):
        held = connected(container)
        half = HEAD + (b"content-length: 500\r\n\r\nhalf" if n % 2 else b"x-hal")
        held.sendall(half)
        stalled.append(held)
    assert all(is_serving(container) for _ in range(20))
    for held in stalled:
        held.close()
    assert is_serving(container)


def test_nothing_runs_for_a_client_who_has_left(container):
    """Requests that wait when their client hangs up are given up, not computed."""

    def executed():
        with closing(HTTPConnection("127.0.0.1", container.port, timeout=10)) as connection:
            connection.request("GET", "/v2/models/small-queue/stats")
            found = json.loads(connection.getresponse().read())
        return found["model_stats"][0]["execution_count"]

    before = executed()
    head = b"POST /v2/models/small-queue/infer HTTP/1.1\r\nhost: x\r\ncontent-length: %d\r\n\r\n"
    callers = [connected(container) for _ in range(5)]
    for held in callers:
        held.sendall(head % len(SLOW) + SLOW)
    for held in callers[1:]:
        held.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        held.close()
    assert callers[0].recv(15) == b"HTTP/1.1 200 OK"
    callers[0].close()
    assert is_serving(container)
    assert executed() - before <= 4


def test_a_stopping_container_answers_all_that_was_sent(  # noqa: PLR0915 - one story
    container_models, tmp_path
):
    """SIGTERM under load: every request that was sent is answered, then the process ends with 0."""
    with running(container_models, tmp_path, FALAJ_DRAIN_S="20") as container:
        served = set()

        def caller(number):
            answered = lost = 0
            connection = HTTPConnection("127.0.0.1", container.port, timeout=20)
            while True:
                try:
                    if connection.sock is None:
                        connection.connect()
                except OSError:
                    connection.close()
                    return answered, lost  # nobody listens any more: another replica would
                try:
                    connection.request("POST", "/v2/models/slow/infer", SLOW)
                    response = connection.getresponse()
                    response.read()
                except (OSError, RemoteDisconnected):
                    connection.close()
                    return answered, lost + 1
                answered += response.status == 200
                lost += response.status != 200
                served.add(number)
                if response.getheader("connection") == "close":
                    connection.close()

        with ThreadPoolExecutor(8) as pool:
            ends = [pool.submit(caller, n) for n in range(8)]
            while len(served) < len(ends) and not any(end.done() for end in ends):
                time.sleep(0.01)
            container.process.send_signal(signal.SIGTERM)
            results = [end.result() for end in ends]
        assert container.wait() == 0
    assert sum(lost for _, lost in results) == 0
    assert all(answered > 0 for answered, _ in results)
    requests = sum(line["Requests"] for line in container.lines() if line.get("Model") == "slow")
    assert requests == sum(answered for answered, _ in results)


def test_a_draining_container_says_so(container_models, tmp_path):
    """Readiness is taken back first, while requests are still answered."""
    with running(container_models, tmp_path) as container:
        with connected(container) as kept:
            container.terminate()
            for _ in range(6000):
                if any(line.get("message") == "draining" for line in container.lines()):
                    break
                time.sleep(0.01)
            kept.sendall(b"GET /v2/health/ready HTTP/1.1\r\nhost: x\r\n\r\n")
            answer = said(kept)
        assert answer.startswith(b"HTTP/1.1 503")
        assert b'"code":"draining"' in answer
        assert container.wait() == 0
