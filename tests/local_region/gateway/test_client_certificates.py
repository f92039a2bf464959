"""Promise: what a client has shown over mutual TLS reaches functions as API Gateway tells it."""

import http.client
import ssl
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from cryptography import x509

from falaj.domain.clock import SystemClock
from local_region.authority import LocalAuthority
from local_region.gateway.arrival import Arrival
from local_region.gateway.events import event_for
from local_region.gateway.messages import ApiKind, Response
from local_region.gateway.openapi import read_definition
from local_region.gateway.registry import Addressed, Api, Stage
from local_region.gateway.route import Match
from local_region.listener import Limits, Listener, bind
from tests.local_region.access.test_mutual_tls import Authority

DOMAIN = "models.bank.example"
INTEGRATION = {
    "type": "aws_proxy",
    "httpMethod": "POST",
    "uri": "arn:aws:apigateway:me-central-1:lambda:path/2015-03-31/functions/"
    "arn:aws:lambda:me-central-1:000000000000:function:f/invocations",
}


class Seen:
    """A site that remembers who asked."""

    def __init__(self):
        self.requests = []

    async def answer(self, request):
        """Answer a request."""
        self.requests.append(request)
        return Response(status=200, headers=(), body=b"{}")

    def refuse(self, host, path, *, is_body):
        """Never asked here."""
        raise NotImplementedError


async def asked(tls, context):
    """What a site sees of a request over a listener's TLS, from a client's."""
    import asyncio

    seen = Seen()
    limits = Limits(header_bytes=8192, body_bytes=1024)
    bound = bind(0, setting="a free port")
    port = bound.getsockname()[1]
    listener = Listener(bound=bound, site=seen, clock=SystemClock(), limits=limits, tls=tls)
    await listener.start()

    def ask():
        connection = http.client.HTTPSConnection("127.0.0.1", port, context=context, timeout=30)
        for _ in range(2):
            connection.request("GET", "/v2")
            connection.getresponse().read()
        connection.close()

    await asyncio.to_thread(ask)
    await listener.close()
    return seen.requests


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Where this machine's authority is kept."""
    return tmp_path_factory.mktemp("authority")


def shown(folder, trust_store="", certificate=None):
    """The requests of a client that shows a certificate, or none."""
    import asyncio

    own = LocalAuthority.open(folder, SystemClock())
    context = ssl.create_default_context(cafile=folder / "authority.pem")
    context.check_hostname = False
    if certificate:
        context.load_cert_chain(certificate)
    tls = own.server_context(DOMAIN, trust_store, SystemClock())
    return asyncio.run(asked(tls, context))


def event(request, kind, payload_format):
    """What a function is told of a request."""
    integration = INTEGRATION | {"payloadFormatVersion": payload_format}
    body = {"paths": {"/v2": {"get": {"x-amazon-apigateway-integration": integration}}}}
    definition = read_definition(kind, "api", body)
    (route,) = definition.table.routes
    arrival = Arrival(
        request=replace(request, headers=(("host", DOMAIN),)),
        addressed=Addressed(
            api=Api(id="a", definition=definition),
            stage=Stage(name="$default", deployment_id=None),
            definition=definition,
            path="/v2",
            is_mapped=True,
        ),
        match=Match(route=route, parameters={}),
        request_id="r",
        extended_id="e",
        account="0",
        at=datetime(2026, 1, 1, tzinfo=UTC),
    )
    return event_for(arrival)["requestContext"]


def test_each_format_tells_of_the_certificate_in_its_own_place(folder, tmp_path):
    """PEM, names, serial number and times, as documented; of every request of a connection."""
    bank = Authority("bank")
    path = bank.client(tmp_path / "app.pem")
    requests = shown(folder, bank.pem.decode(), path)
    pem = path.read_text().partition("-----BEGIN CERTIFICATE-----")
    certificate = x509.load_pem_x509_certificate("".join(pem[1:]).encode())
    told = event(requests[1], ApiKind.HTTP, "2.0")["authentication"]["clientCert"]

    assert len(requests) == 2
    assert told["clientCertPem"].strip() == "".join(pem[1:]).strip()
    assert (told["subjectDN"], told["issuerDN"]) == ("CN=app", "CN=bank")
    assert int(told["serialNumber"].replace(":", ""), 16) == certificate.serial_number
    times = [told["validity"][name] for name in ("notBefore", "notAfter")]
    assert [ssl.cert_time_to_seconds(time) for time in times] == [
        certificate.not_valid_before_utc.timestamp(),
        certificate.not_valid_after_utc.timestamp(),
    ]
    for kind in (ApiKind.REST, ApiKind.HTTP):
        assert event(requests[0], kind, "1.0")["identity"]["clientCert"] == told


@pytest.mark.parametrize(("kind", "form"), [(ApiKind.HTTP, "2.0"), (ApiKind.REST, "1.0")])
def test_where_nobody_asks_for_one_nothing_is_told(folder, kind, form):
    """TLS without a trust store knows its clients by nothing."""
    told = event(shown(folder)[0], kind, form)

    assert "authentication" not in told
    assert "clientCert" not in told.get("identity", {})
