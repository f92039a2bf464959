"""Before a GPU service: what comes is forwarded, stood in for, and wakes what sleeps."""

import base64
import json
import ssl
import threading
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from falaj.capture.keyring import KeyRing, TenantKey
from falaj.capture.recording import Keys, Recording
from falaj.capture.records import audit_record
from falaj.capture.refusals import Refusals
from falaj.config.access import AccessSettings
from falaj.config.breaker import BreakerSettings
from falaj.contract import HEADER_FALLBACK, HEADER_SUBJECT, HEADER_TENANT, PARAMETER_FALLBACK
from falaj.entrypoints.breaker import WAKE_EVERY, Breaker
from falaj.entrypoints.breaker_events import Forwarded, marked
from falaj.entrypoints.breaker_upstream import Upstream
from falaj.entrypoints.guarded import guarded
from falaj.errors import ConfigurationError, DependencyError, ServiceUnreachableError
from tests.falaj.clocks import NOON, StandingClock

ANSWER = {
    "model_name": "vision",
    "model_version": "1",
    "outputs": [{"name": "y", "datatype": "FP32", "shape": [1], "data": [1.0]}],
}
EVENT = {
    "version": "2.0",
    "rawPath": "/v2/models/vision/infer",
    "rawQueryString": "",
    "headers": {
        "content-type": "application/json",
        "accept-encoding": "gzip",
        "Host": "api.example",
        HEADER_TENANT: "somebody else",
    },
    "requestContext": {
        "http": {"method": "POST", "sourceIp": "10.0.0.1"},
        "requestId": "api-1",
        "stage": "$default",
        "authorizer": {"iam": {"userArn": "arn:aws:iam::1:role/app"}},
    },
    "body": '{"inputs":[]}',
    "isBase64Encoded": False,
}


class Service:
    """A real HTTP/1.1 server that stands for the load balancer and its replicas."""

    def __init__(self, certificate: ssl.SSLContext | None = None) -> None:
        self.seen: list[tuple[str, str, dict[str, str], bytes]] = []
        self.connections = 0
        self.status, self.body = 200, json.dumps(ANSWER).encode()
        self.content_type = "application/json"
        self.hangs_up = False
        self.replies = threading.Event()
        self.replies.set()
        service = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def setup(self):
                service.connections += 1
                super().setup()

            def do_POST(self):
                body = self.rfile.read(int(self.headers.get("content-length") or 0))
                headers = {name.lower(): value for name, value in self.headers.items()}
                service.seen.append((self.command, self.path, headers, body))
                service.replies.wait()
                self.send_response(service.status)
                self.send_header("content-type", service.content_type)
                self.send_header("content-length", str(len(service.body)))
                self.end_headers()
                self.wfile.write(service.body)
                self.close_connection = service.hangs_up

            do_GET = do_POST  # noqa: N815 - how http.server finds it

            def log_message(self, *_):
                """Tests read what was seen."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        if certificate is not None:
            self.server.socket = certificate.wrap_socket(self.server.socket, server_side=True)
        threading.Thread(target=self.server.serve_forever, args=(0.01,), daemon=True).start()

    @property
    def port(self) -> int:
        """Where it listens."""
        return self.server.server_port

    def stop(self) -> None:
        """End it with all its connections."""
        self.replies.set()
        self.server.shutdown()
        self.server.server_close()


class Cpu:
    """The CPU version's alias."""

    def __init__(self) -> None:
        self.events = []
        self.is_dark = False

    def __call__(self, event):
        """Answer, and remember what was asked."""
        self.events.append(event)
        if self.is_dark:
            raise DependencyError(service="lambda", doing="call it", reason="throttled")
        return {
            "statusCode": 200,
            "headers": {"content-type": "application/json"},
            "body": json.dumps(ANSWER | {"parameters": {"a": 1}}),
            "isBase64Encoded": False,
        }


class Replicas:
    """How many replicas are wanted."""

    def __init__(self, desired: int) -> None:
        self.desired, self.asked = desired, 0

    def wake(self) -> bool:
        """Ask for one where none is wanted."""
        self.asked += 1
        was_absent, self.desired = self.desired == 0, max(1, self.desired)
        return was_absent


class Desk:
    """A breaker with everything around it."""

    def __init__(self, endpoint, *, cpu=None, replicas=None) -> None:
        self.clock, self.lines = StandingClock(), []
        self.upstream = Upstream(endpoint)
        self.breaker = Breaker(
            BreakerSettings(model="vision", endpoint=endpoint),
            ask=self.upstream,
            fall_back=cpu,
            wake=replicas.wake if replicas else None,
            clock=self.clock,
            write=self.lines.append,
        )

    def __call__(self, **changes):
        """Handle one event."""
        return self.breaker(EVENT | changes, None)

    @property
    def metrics(self):
        """Requests and fallbacks of each line of metrics."""
        lines = [json.loads(line) for line in self.lines]
        return [(line["Asked"], line["Fallbacks"]) for line in lines if "_aws" in line]


TRACE = "0af7651916cd43dd8448eb211c80319c"


@pytest.fixture
def desk():
    """Make breakers, whose connections end with the test."""
    made = []

    def make(endpoint, **around):
        made.append(Desk(endpoint, **around))
        return made[-1]

    yield make
    for each in made:
        each.upstream.close()


@pytest.fixture
def upstream(service):
    """A connection to the service."""
    made = Upstream(f"http://127.0.0.1:{service.port}")
    yield made
    made.close()


@pytest.fixture
def service():
    """The service at work."""
    running = Service()
    yield running
    running.stop()


@pytest.fixture
def nowhere():
    """An address that nobody listens on."""
    gone = Service()
    gone.stop()
    return f"http://127.0.0.1:{gone.port}"


def test_what_the_service_answers_is_the_answer(service, desk):
    """A healthy service is all that the caller sees."""
    result = desk(f"http://127.0.0.1:{service.port}", cpu=Cpu())()
    assert (result["statusCode"], json.loads(result["body"])) == (200, ANSWER)
    assert HEADER_FALLBACK not in result["headers"]


def test_the_service_gets_the_request_and_the_api_says_whose_it_is(service, desk):
    """Method, path, headers and body pass; the tenant is the API's, whatever the caller wrote."""
    desk(f"http://127.0.0.1:{service.port}")()
    ((method, path, headers, body),) = service.seen
    assert (method, path, body) == ("POST", "/v2/models/vision/infer", b'{"inputs":[]}')
    assert headers[HEADER_TENANT] == "arn:aws:iam::1:role/app"
    assert headers["x-request-id"] == "api-1"
    assert headers["host"] == f"127.0.0.1:{service.port}"


def test_a_rest_api_speaks_another_format(service, desk):
    """Payload format 1.0 with a stage, a query and a binary body becomes the same request."""
    event = {
        "path": "/live/v2/models/vision/infer",
        "httpMethod": "POST",
        "headers": {"Content-Type": "application/octet-stream"},
        "multiValueQueryStringParameters": {"a": ["1", "2"]},
        "requestContext": {"stage": "live", "requestId": "r", "identity": {"sourceIp": "10.1.1.1"}},
        "body": base64.b64encode(b"\x00\xff").decode(),
        "isBase64Encoded": True,
    }
    desk(f"http://127.0.0.1:{service.port}").breaker(event)
    ((_, path, headers, body),) = service.seen
    assert (path, body) == ("/v2/models/vision/infer?a=1&a=2", b"\x00\xff")
    assert headers[HEADER_TENANT] == "10.1.1.1"


def test_a_binary_answer_travels_as_base64(service, desk):
    """Tensors of the binary extension reach the caller byte for byte."""
    service.body, service.content_type = b"{}\x00\x01\xff", "application/octet-stream"
    result = desk(f"http://127.0.0.1:{service.port}")()
    assert result["isBase64Encoded"] is True
    assert base64.b64decode(result["body"]) == service.body


def test_a_refusal_of_the_service_is_the_callers_to_read(service, desk):
    """A bad request is no ill health: the CPU version would refuse it, too."""
    service.status, service.body = 400, b'{"error":"no","code":"x","request_id":"r"}'
    cpu = Cpu()
    assert desk(f"http://127.0.0.1:{service.port}", cpu=cpu)()["statusCode"] == 400
    assert cpu.events == []


def test_the_cpu_version_answers_for_an_unreachable_service_and_says_so(nowhere, desk):
    """Header and answer both name the reason; what the model said stays as it was."""
    result = desk(nowhere, cpu=Cpu())()
    assert result["statusCode"] == 200
    assert result["headers"][HEADER_FALLBACK] == "unreachable"
    document = json.loads(result["body"])
    assert document["parameters"] == {"a": 1, PARAMETER_FALLBACK: "unreachable"}
    assert document["outputs"] == ANSWER["outputs"]


@pytest.mark.parametrize("status", [502, 503, 504])
def test_the_cpu_version_answers_for_an_unhealthy_service(service, status, desk):
    """A balancer without healthy targets, and a replica that is full, are stood in for."""
    service.status = status
    result = desk(f"http://127.0.0.1:{service.port}", cpu=Cpu())()
    assert (result["statusCode"], result["headers"][HEADER_FALLBACK]) == (200, "unhealthy")


def test_after_three_failures_nobody_waits_for_the_service(service, desk):
    """The open circuit leaves the service alone until it has rested; then one request tries it."""
    service.status = 503
    before = desk(f"http://127.0.0.1:{service.port}", cpu=Cpu())
    reasons = [before()["headers"][HEADER_FALLBACK] for _ in range(5)]
    assert reasons == ["unhealthy"] * 3 + ["open"] * 2
    assert len(service.seen) == 3
    service.status = 200
    before.clock.advance(10)
    assert HEADER_FALLBACK not in before()["headers"]
    assert HEADER_FALLBACK not in before()["headers"]
    assert before.metrics == [(1, 1)] * 5 + [(1, 0)] * 2


def test_a_service_that_hangs_leaves_time_for_the_fallback(service, upstream):
    """Half of the function's time is the service's; the CPU version has the other half."""
    service.replies.clear()
    asked = []

    class Watch:
        def get_remaining_time_in_millis(self):
            return 1000

    def ask(request, *, within_s):
        asked.append(within_s)
        return upstream(request, within_s=within_s)

    breaker = Breaker(
        BreakerSettings(model="vision", endpoint="http://x"),
        ask=ask,
        fall_back=Cpu(),
        write=lambda _: None,
    )
    assert breaker(EVENT, Watch())["headers"][HEADER_FALLBACK] == "unreachable"
    assert asked == [pytest.approx(0.3)]


def test_the_fallback_is_asked_for_nothing_compressed(nowhere, desk):
    """Only then can the answer be added to; everything else of the event is the caller's."""
    cpu = Cpu()
    desk(nowhere, cpu=cpu)()
    ((event),) = cpu.events
    assert "accept-encoding" not in event["headers"]
    assert event["body"] == EVENT["body"]


def test_a_binary_fallback_says_so_in_the_json_before_its_tensors():
    """The length that the protocol states counts what was added."""
    text, tensors = json.dumps(ANSWER).encode(), b"\x00\x00\x80?"
    result = {
        "statusCode": 200,
        "headers": {
            "content-type": "application/octet-stream",
            "inference-header-content-length": str(len(text)),
        },
        "body": base64.b64encode(text + tensors).decode(),
        "isBase64Encoded": True,
    }
    done = marked(result, "open")
    whole = base64.b64decode(done["body"])
    length = int(done["headers"]["inference-header-content-length"])
    assert json.loads(whole[:length])["parameters"] == {PARAMETER_FALLBACK: "open"}
    assert whole[length:] == tensors


def test_without_anybody_to_answer_the_caller_is_told_when_to_come_back(nowhere, desk):
    """Service and CPU version both dark: 503 with our error body and a time."""
    cpu = Cpu()
    cpu.is_dark = True
    result = desk(nowhere, cpu=cpu)()
    assert (result["statusCode"], result["headers"]["retry-after"]) == (503, "5")
    body = json.loads(result["body"])
    assert (body["code"], body["request_id"]) == ("unavailable", "api-1")


def test_a_balancers_own_page_never_reaches_a_caller(service, desk):
    """Errors are always ours: one sentence, a code, the request's id."""
    service.status, service.body, service.content_type = 503, b"<html>", "text/html"
    result = desk(f"http://127.0.0.1:{service.port}")()
    assert (result["statusCode"], json.loads(result["body"])["code"]) == (503, "unavailable")


def test_a_full_replica_is_heard_out(service, desk):
    """Where nothing else answers, the replica's own refusal does, with a time to come back."""
    service.status, service.body = 503, b'{"error":"full","code":"overloaded","request_id":"r"}'
    result = desk(f"http://127.0.0.1:{service.port}")()
    assert (json.loads(result["body"])["code"], result["headers"]["retry-after"]) == (
        "overloaded",
        "5",
    )


def test_whom_a_full_replica_sheds_the_cpu_version_answers(service, desk):
    """It has room of its own; the service is healthy, and nobody is woken for it."""
    service.status, service.body = 429, b'{"error":"wait","code":"shed","request_id":"r"}'
    replicas = Replicas(desired=1)
    before = desk(f"http://127.0.0.1:{service.port}", cpu=Cpu(), replicas=replicas)
    found = [before()["headers"][HEADER_FALLBACK] for _ in range(5)]

    assert (found, len(service.seen), replicas.asked) == (["shed"] * 5, 5, 0)


@pytest.mark.parametrize(("code", "cpu"), [("quota_exceeded", True), ("shed", False)])
def test_other_refusals_of_a_tenant_are_its_answer(service, desk, code, cpu):
    """A quota that is used up is used up everywhere; and without a CPU version, waiting is all."""
    service.status = 429
    service.body = f'{{"error":"wait","code":"{code}","request_id":"r"}}'.encode()
    result = desk(f"http://127.0.0.1:{service.port}", cpu=Cpu() if cpu else None)()

    assert (result["statusCode"], json.loads(result["body"])["code"]) == (429, code)


def test_the_first_who_asks_wakes_a_service_without_replicas(nowhere, desk):
    """One replica is asked for, once in half a minute; callers hear how long it takes."""
    replicas = Replicas(desired=0)
    before = desk(nowhere, replicas=replicas)
    codes = [json.loads(before()["body"])["code"] for _ in range(4)]
    assert codes == ["waking"] * 4
    assert (replicas.desired, replicas.asked) == (1, 1)
    assert before()["headers"]["retry-after"] == "60"


def test_a_service_that_is_wanted_is_not_woken_again(nowhere, desk):
    """Replicas that are starting, or ill, are scaling's and ECS's to look after."""
    replicas = Replicas(desired=2)
    before = desk(nowhere, replicas=replicas)
    assert json.loads(before()["body"])["code"] == "unavailable"
    before.clock.advance(WAKE_EVERY.total_seconds())
    before()
    assert replicas.desired == 2


def test_a_waking_service_is_stood_in_for(nowhere, desk):
    """With a CPU version callers do not notice that the service slept."""
    replicas = Replicas(desired=0)
    assert desk(nowhere, cpu=Cpu(), replicas=replicas)()["statusCode"] == 200
    assert replicas.desired == 1


def test_a_connection_is_kept_and_replaced_when_the_service_closed_it(service, upstream):
    """One connection serves many; one that was closed while idle costs its caller nothing."""
    asked = Forwarded("POST", "/v2/models/vision/infer", {}, b"{}")
    for _ in range(3):
        assert upstream(asked, within_s=5).status == 200
    assert service.connections == 1
    service.hangs_up = True
    assert [upstream(asked, within_s=5).status for _ in range(2)] == [200, 200]


def _certificate(tmp_path, name):
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(NOON - timedelta(days=365))
        .not_valid_after(NOON + timedelta(days=3650))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    path = tmp_path / "certificate.pem"
    path.write_bytes(
        made.public_bytes(serialization.Encoding.PEM)
        + key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return path


@pytest.mark.parametrize(("name", "is_believed"), [("gpu.example.ae", True), ("else.ae", False)])
def test_the_certificate_must_hold_the_operators_name(tmp_path, name, is_believed):
    """The balancer is reached by its own address; whoever answers there must prove the name."""
    path = _certificate(tmp_path, "gpu.example.ae")
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(path)
    service = Service(server)
    upstream = Upstream(
        f"https://127.0.0.1:{service.port}",
        server_name=name,
        trust=ssl.create_default_context(cafile=str(path)),
    )
    asked = Forwarded("GET", "/v2/models/vision", {}, b"")
    try:
        if is_believed:
            assert upstream(asked, within_s=5).status == 200
            assert service.seen[0][2]["host"] == name
        else:
            with pytest.raises(ServiceUnreachableError, match="CERTIFICATE_VERIFY_FAILED"):
                upstream(asked, within_s=5)
    finally:
        upstream.close()
        service.stop()


def test_another_models_path_is_refused(service, desk):
    """The function stands before one model only."""
    result = desk(f"http://127.0.0.1:{service.port}")(rawPath="/v2/models/other/infer")
    assert (result["statusCode"], service.seen) == (400, [])


def test_every_fault_of_the_settings_is_named_at_once():
    """A function whose stack forgot something does not start."""
    with pytest.raises(ConfigurationError) as refused:
        BreakerSettings.from_env({"FALAJ_ENDPOINT": "ftp://x", "FALAJ_SERVICE": "alone"})
    assert len(refused.value.faults) == 3


def test_settings_are_read_from_the_environment():
    """The stack's words become the breaker's."""
    settings = BreakerSettings.from_env(
        {
            "FALAJ_MODEL_NAME": "vision",
            "FALAJ_ENDPOINT": "https://balancer/",
            "FALAJ_SERVER_NAME": "gpu.example.ae",
            "FALAJ_SERVICE": "cluster/vision",
        }
    )
    assert settings == BreakerSettings(
        model="vision",
        endpoint="https://balancer",
        server_name="gpu.example.ae",
        cluster="cluster",
        service="vision",
    )


def test_a_checked_tenant_is_the_services_to_know(service, upstream):
    """Where a token was asked for, its tenant goes on; else the header counts nothing."""
    seen = []
    for is_checked in (True, False):
        breaker = Breaker(
            BreakerSettings(model="vision", endpoint="http://x"),
            ask=upstream,
            write=seen.append,
            is_checked=is_checked,
        )
        said = {"tenant": "bank", "subject": "teller"}
        context = EVENT["requestContext"] | {"falaj": said}
        forged = {HEADER_TENANT: "bank", HEADER_SUBJECT: "somebody else"}
        breaker(EVENT | {"headers": forged, "requestContext": context})
    named = [(h[HEADER_TENANT], h[HEADER_SUBJECT]) for _, _, h, _ in service.seen]
    signer = "arn:aws:iam::1:role/app"
    assert named == [("bank", "teller"), (signer, signer)]


def test_a_caller_without_a_token_reaches_neither_service_nor_fallback(service, upstream):
    """The function decides again what the gateway decided, before it asks anybody."""
    cpu = Cpu()
    breaker = Breaker(
        BreakerSettings(model="vision", endpoint="http://x"),
        ask=upstream,
        fall_back=cpu,
        write=lambda _: None,
        is_checked=True,
    )
    access = {"mode": "jwt", "models": {}}
    handler = guarded(breaker, settings=AccessSettings.from_dict(access))
    assert handler(EVENT, None)["statusCode"] == 401
    assert (service.seen, cpu.events) == ([], [])


def test_what_it_answers_itself_leaves_a_record(nowhere):
    """Neither service nor fallback has seen the request: who asked, and that nobody answered."""
    key = TenantKey(tenant="bank", number=1, id="5eed5eed", secret=bytes(32))
    recording = Recording(Keys(lambda: KeyRing.of([key]), NOON, start=lambda work: work()))
    lines = []
    upstream = Upstream(nowhere)
    breaker = Breaker(
        BreakerSettings(model="vision", endpoint=nowhere),
        ask=upstream,
        clock=StandingClock(),
        write=lambda _: None,
        is_checked=True,
        refusals=lambda: Refusals(recording, lines.append, model="vision"),
    )
    context = EVENT["requestContext"] | {"falaj": {"tenant": "bank", "subject": "teller"}}
    statuses = [breaker(EVENT | {"requestContext": context})["statusCode"] for _ in range(3)]
    statuses.append(breaker(EVENT | {"rawPath": "/v2/models/other/infer"})["statusCode"])
    upstream.close()
    records = [audit_record(json.loads(line), event="e") for line in lines]

    assert statuses == [503, 503, 503, 400]
    assert [(r["status"], r["outcome"], r["who"], r["model"], r["count"]) for r in records] == [
        (503, "unavailable", key.who("teller"), "vision", 1),
        (400, "malformed_request", None, "vision", 1),
    ]


@pytest.mark.parametrize(
    ("traceparent", "goes_on"),
    [(f"00-{TRACE}-b7ad6b7169203331-01", True), (f"00-{TRACE}-b7ad6b7169203331", False)],
)
def test_a_callers_trace_goes_on_and_into_the_line(service, desk, traceparent, goes_on):
    """Both its context and X-Ray's; one that is not valid goes nowhere, nor its state."""
    root = "Root=1-67891233-abcdef012345678912345678"
    traced = {"traceparent": traceparent, "tracestate": "a=1", "X-Amzn-Trace-Id": root}
    made = desk(f"http://127.0.0.1:{service.port}")

    made(headers=EVENT["headers"] | traced)

    ((_, _, headers, _),) = service.seen
    (line,) = map(json.loads, made.lines)
    assert ("traceparent" in headers, "tracestate" in headers) == (goes_on, goes_on)
    assert line.get("trace_id") == (TRACE if goes_on else None)
    assert line["xray_trace_id"] == root


def test_a_request_leaves_a_line_under_the_named_keys(service, desk):
    """Who looks for a model's bad answers finds those of its breaker."""
    made = desk(f"http://127.0.0.1:{service.port}")
    service.status, service.body = 500, b'{"error":"no","code":"x","request_id":"r"}'

    made()

    (line,) = map(json.loads, made.lines)
    named = ("level", "message", "service", "model_name", "outcome", "status", "request_id")
    assert [line[name] for name in named] == [
        "ERROR", "forwarded", "breaker", "vision", "error", 500, "api-1",
    ]  # fmt: skip
