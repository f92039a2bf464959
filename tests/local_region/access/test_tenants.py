"""Promise: a tenant's surplus is refused with 429, and another tenant loses nothing by it.

Behind an HTTP API the function counts, in DynamoDB; before a REST API the usage plan does.
"""

import json
from collections import Counter

import pytest

from falaj.domain.clock import SystemClock
from local_region.lambda_service.refusals import TooManyRequestsError

PATH = "/v2/models/open-to-all/infer"
BODY = json.dumps(
    {"inputs": [{"name": "x", "datatype": "FP32", "shape": [1, 4], "data": [1, -1, 2, -2]}]}
).encode()
SCOPES = ("model:open-to-all:invoke", "platform:read", "experiments:read")
BURST = 3
RATE_PER_S = 0.2
"""Of the tenant `slow`, who gets one more request in five seconds."""


@pytest.fixture(scope="module", params=["smb", "enterprise"])
def region(request, guarded):
    """Each profile with bounded tenants."""
    return guarded(request.param, "jwt")


@pytest.fixture
def ask(region, issuer):
    """Ask on behalf of a tenant; return status and headers."""

    def asked(tenant, path=PATH, body=BODY):
        token = issuer.token(clock=SystemClock(), tenant=tenant, scopes=SCOPES, jti=tenant)
        headers = {"content-type": "application/json", "authorization": f"Bearer {token}"}
        status, answered, body = region.request(path, body=body, headers=headers)
        names = {name.lower(): value for name, value in answered.items()}
        return status, names, json.loads(body)

    return asked


def test_surplus_is_refused_and_the_other_tenant_loses_nothing(ask):
    """Slow asks for ten times what it may, in turn with globex, who asks for less than it may."""
    slow, globex, began = Counter(), Counter(), SystemClock().now()
    for _ in range(10 * BURST):
        slow[ask("slow")[0]] += 1
        globex[ask("globex")[0]] += 1
    took_s = (SystemClock().now() - began).total_seconds()

    assert globex == {200: 10 * BURST}
    assert set(slow) == {200, 429}
    # While thirty pairs are asked, time goes on, and however long it takes the rate holds.
    assert BURST <= slow[200] <= BURST + 1 + RATE_PER_S * took_s


def test_429_says_when_to_come_back_in_the_one_error_body(ask):
    """Also before a REST API, whose answers are templated."""
    answers = [ask("slow") for _ in range(BURST + 3)]
    status, headers, body = answers[-1]

    assert (status, body.keys()) == (429, {"error", "code", "request_id"})
    assert int(headers["retry-after"]) >= 1


def test_places_are_given_back(ask):
    """Two at once may be ten, one after the other."""
    assert Counter(ask("narrow")[0] for _ in range(10)) == {200: 10}


@pytest.mark.parametrize("path", ["/v2", "/openapi.json", "/v2/models/open-to-all"])
def test_every_route_is_counted_not_models_alone(ask, path):
    """The catalogue and the document are the tenant's requests, too, from the same bucket."""
    statuses = Counter(ask("slow", path, None)[0] for _ in range(10 * BURST))

    assert 429 in statuses
    assert set(statuses) <= {200, 429}


def no_room():
    """Lambda has no place for another invocation."""
    raise TooManyRequestsError("ReservedFunctionConcurrentInvocationLimitExceeded")


@pytest.fixture
def full(region):
    """The model's function without room."""
    functions = region.region.functions
    (name,) = (
        each.function_name
        for each in region.call(functions.list_functions)
        if "open-to-all" in each.function_name
    )
    region.call(functions.bound, name, no_room)
    yield
    region.call(functions.bound, name, None)


@pytest.mark.usefixtures("full")
def test_no_room_at_all_is_503_and_not_a_fault_that_lasts(ask):
    """Whoever asks; a REST API says after how long to ask again, and an HTTP API cannot."""
    status, headers, body = ask("globex")
    is_rest = "x-amzn-requestid" in headers

    assert status == 503
    assert headers.get("retry-after") == ("1" if is_rest else None)
    assert body.get("code") == ("overloaded" if is_rest else None)
