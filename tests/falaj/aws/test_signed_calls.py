"""Calls without boto3 are signed as botocore signs them, and wait for nobody long."""

import socket
import threading
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import quote

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials as BotoCredentials
from hypothesis import given, settings, strategies as st

from falaj.aws.signed_calls import Credentials, SignedCalls, signature_headers
from falaj.errors import DependencyError

AT = datetime(2026, 11, 22, 9, 30, 5, tzinfo=UTC)


class Frozen(SigV4Auth):
    """Botocore's own signer at a fixed moment."""

    def add_auth(self, request):
        """Sign as ever, but for the time."""
        request.context["timestamp"] = f"{AT:%Y%m%dT%H%M%SZ}"
        self._modify_request_before_signing(request)
        text = self.string_to_sign(request, self.canonical_request(request))
        self._inject_signature_to_request(request, self.signature(text, request))


def botocores(path, query, headers, body, token):
    """Return the Authorization header that botocore writes."""
    url = f"https://lambda.me-central-1.amazonaws.com{quote(path, safe='/-_.~')}"
    request = AWSRequest(method="POST", url=url, headers=headers, data=body, params=query)
    request.headers["host"] = "lambda.me-central-1.amazonaws.com"
    signer = Frozen(BotoCredentials("AKID", "secret", token or None), "lambda", "me-central-1")
    signer.add_auth(request)
    return request.headers["Authorization"]


def ours(path, query, headers, body, token):
    """Return the Authorization header that we write."""
    pairs = "&".join(f"{quote(k, safe='-_.~')}={quote(v, safe='-_.~')}" for k, v in query.items())
    return signature_headers(
        Credentials("AKID", "secret", token),
        service="lambda",
        region="me-central-1",
        at=AT,
        path=quote(path, safe="/-_.~"),
        query=pairs,
        headers={"host": "lambda.me-central-1.amazonaws.com", **headers},
        body=body,
    )["authorization"]


TEXT = st.text("abcXYZ019-_.~:$ %é", min_size=1, max_size=12)
NAME = TEXT.filter(lambda name: name not in {".", ".."})
"""Lambda's names have no dots, and botocore would take such a one for a step in the path."""


@settings(max_examples=150, deadline=None)
@given(
    name=NAME,
    version=TEXT,
    value=st.text("abc XYZ=;:,", max_size=20),
    body=st.binary(max_size=64),
    token=st.sampled_from(["", "a/token+of==STS"]),
)
def test_signature_is_botocores(name, version, value, body, token):
    """Any function, qualifier, header and payload: the same signature."""
    call = (
        f"/2015-03-31/functions/{name}/invocations",
        {"Qualifier": version},
        {"x-amz-invocation-type": "Event", "x-amzn-trace-id": "Root=1", "x-amz-meta": value},
        body,
        token,
    )
    assert ours(*call) == botocores(*call)


class Server:
    """Counts connections, and closes each after some answers."""

    def __init__(self, answers_each):
        counted = self
        self.connections = 0
        self.seen = []

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def setup(self):
                super().setup()
                counted.connections += 1
                self.left = answers_each

            def do_POST(self):
                body = self.rfile.read(int(self.headers["content-length"]))
                counted.seen.append((self.path, dict(self.headers), body))
                self.send_response(202)
                self.send_header("content-length", "2")
                self.end_headers()
                self.wfile.write(b"{}")
                self.left -= 1
                self.close_connection = self.left == 0

            def log_message(self, *_):
                """Say nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"

    def close(self):
        """Stop listening."""
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def serve():
    """Start servers that are closed with the test."""
    servers = []

    def start(answers_each):
        servers.append(Server(answers_each))
        return servers[-1]

    yield start
    for server in servers:
        server.close()


def calls_to(url):
    """Return calls of a Lambda at an address."""

    class Fixed:
        def now(self):
            return AT

    return SignedCalls(
        "lambda",
        region="me-central-1",
        credentials=Credentials("AKID", "secret", "t"),
        clock=Fixed(),
        endpoint=url,
    )


def test_connection_is_kept(serve):
    """The second call needs no second handshake."""
    server = serve(answers_each=100)
    calls = calls_to(server.url)
    statuses = [calls.post("/a", b"{}", query={"Qualifier": "2"}).status for _ in range(3)]
    assert (statuses, server.connections, server.seen[0][0]) == ([202] * 3, 1, "/a?Qualifier=2")
    calls.close()


def test_connection_that_was_closed_meanwhile_is_opened_again(serve):
    """What Lambda froze for an hour finds its peer gone, and calls once more."""
    server = serve(answers_each=1)
    calls = calls_to(server.url)
    statuses = [calls.post("/a", b"{}").status for _ in range(3)]
    assert (statuses, server.connections) == ([202] * 3, 3)
    calls.close()


def test_address_that_does_not_answer_is_a_dependency():
    """A refused connection is told as what it is, at once."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound, and never listened on
        with pytest.raises(DependencyError, match="lambda did not answer"):
            calls_to(f"http://127.0.0.1:{taken.getsockname()[1]}").post("/a", b"")
