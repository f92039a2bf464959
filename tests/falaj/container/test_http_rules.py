"""Promise: HTTP/1.1's own rules hold, for strangers' clients and for those who bend them."""

import json
from contextlib import closing
from http.client import HTTPConnection

import pytest

from tests.falaj.container.test_clients_and_drain import BODY, HEAD, connected, said

LAST = b"GET /v2/health/live HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n"
H2C = b"connection: Upgrade, HTTP2-Settings\r\nupgrade: h2c\r\nhttp2-settings: AAMAAABk\r\n"


def exchanged(container, *pieces):
    """Everything the server says to this, the last request being `LAST`."""
    with connected(container) as held:
        for piece in pieces:
            held.sendall(piece)
        return said(held)


@pytest.mark.parametrize("path", ["/metrics", "/ping", "/v2/models/rows", "/v2/nothing"])
def test_nothing_follows_the_answer_to_head(container, path):
    """What came behind would be taken for the next answer of the connection."""
    head = f"HEAD {path} HTTP/1.1\r\nhost: x\r\n\r\n".encode()
    first, _, rest = exchanged(container, head + LAST).partition(b"\r\n\r\n")
    assert b"content-length" not in first
    assert rest.startswith(b"HTTP/1.1 200 OK\r\n")
    assert rest.endswith(b'\r\n\r\n{"live":true}')


@pytest.mark.parametrize("path", ["/metrics", "/ping"])
def test_what_is_only_read_takes_no_post(container, path):
    """Another method is refused with the one to use."""
    with closing(HTTPConnection("127.0.0.1", container.port, timeout=10)) as connection:
        connection.request("POST", path, b"{}")
        response = connection.getresponse()
        assert (response.status, response.headers["allow"]) == (405, "GET")
        assert json.loads(response.read())["code"] == "method_not_allowed"


@pytest.mark.parametrize("is_chunked", [False, True])
def test_an_offer_of_http2_loses_no_body(container, is_chunked):
    """Java's client, and `curl --http2`, offer it beside their first request, body and all."""
    if is_chunked:
        stated, body = b"transfer-encoding: chunked", b"%x\r\n%b\r\n0\r\n\r\n" % (len(BODY), BODY)
    else:
        stated, body = b"content-length: %d" % len(BODY), BODY
    request = HEAD + H2C + stated + b"\r\n\r\n" + body
    for pieces in ([request * 2 + LAST], [request[:-20], request[-20:] + request, LAST]):
        answer = exchanged(container, *pieces)
        assert answer.count(b'"data":[2.0,4.0]') == 2
        assert answer.endswith(b'{"live":true}')


@pytest.mark.parametrize(
    "line",
    [b" HTTP/1.1\r\n", b" HTTP/1.1\r\nhost: a\r\nhost: b\r\n", b" HTTP/0.9\r\n", b"\r\n"],
)
def test_a_request_names_its_host_once(container, line):
    """Two readers of one connection must not see two different places (RFC 9112, 3.2)."""
    with connected(container) as held:
        held.sendall(b"GET /v2/health/live" + line + b"\r\n")
        answer = held.recv(65536)
    assert answer.startswith(b"HTTP/1.1 400 ")
    assert b"names its Host" in answer


def test_older_clients_name_none(container):
    """HTTP/1.0 has no such header, and is closed after its answer."""
    answer = exchanged(container, b"GET /v2/health/live HTTP/1.0\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 200 OK\r\n")


@pytest.mark.parametrize(
    ("request_", "sentence"),
    [
        ("GET /v2/models/تشكيل HTTP/1.1\r\nhost: x\r\n\r\n", b"Invalid char in url path"),
        ("GET /v2 HTTP/1.1\r\nhost : x\r\n\r\n", b"Invalid header token"),
        ("GET /v2 HTTP/1.1\r\nhost: x\r\nx-a: 1\r\n folded\r\n\r\n", b"whitespace after header"),
        ("GET /v2 HTTP/1.1\nhost: x\n\n", b"Expected CRLF"),
    ],
)
def test_what_is_wrong_with_a_request_is_said(container, request_, sentence):
    """Its author can mend it."""
    with connected(container) as held:
        held.sendall(request_.encode())
        answer = held.recv(65536)
    assert answer.startswith(b"HTTP/1.1 400 ")
    assert sentence in json.loads(answer.partition(b"\r\n\r\n")[2])["error"].encode()
