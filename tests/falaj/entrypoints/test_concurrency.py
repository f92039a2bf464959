"""Promise: of a tenant's requests exactly as many are answered at once as may be, by whomever.

Real threads stand for environments; a real table's conditions (moto) decide.
"""

import json
import threading
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait

import boto3
import pytest
from moto import mock_aws

from falaj.aws.quota_table import WINDOW_S, QuotaTable
from falaj.config.access import AccessSettings
from falaj.domain.access import AccessMode, ModelAccess
from falaj.domain.quota import LAST, Limits
from falaj.entrypoints.guarded import GuardedHandler
from falaj.entrypoints.quotas import Quotas
from tests.falaj.aws.test_quota_table import Wire
from tests.falaj.clocks import NOON, StandingClock

MOST, ASKED = 3, 12
SETTINGS = AccessSettings(
    mode=AccessMode.JWT, models={"m": ModelAccess(model="m", invoke=("model:m:invoke",))}
)
CLAIMS = {"tenant": "acme", "scope": "model:m:invoke", "exp": str(int(NOON.timestamp()) + 600)}
EVENT = {
    "rawPath": "/v2/models/m/infer",
    "headers": {},
    "requestContext": {
        "http": {"method": "POST"},
        "authorizer": {"jwt": {"claims": CLAIMS}},
    },
}


class Known:
    """Limits that are at hand."""

    admitted, are_known = LAST, True

    def of(self, tenant):
        """Return a tenant's."""
        del tenant
        return Limits(rate_per_s=1000, burst=1000, concurrency=MOST)

    known = of


@pytest.fixture
def wire(monkeypatch):
    """The wire to a table."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "x")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "x")
    with mock_aws():
        client = boto3.client("dynamodb", region_name="me-central-1")
        client.create_table(
            TableName="quotas",
            KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}],
            AttributeDefinitions=[{"AttributeName": "pk", "AttributeType": "S"}],
            BillingMode="PAY_PER_REQUEST",
        )
        yield Wire(client)


@pytest.fixture
def clock():
    """Noon."""
    return StandingClock()


@pytest.fixture
def environment(wire, clock):
    """Make an environment of its own around a handler."""

    def made(handler):
        table = QuotaTable(wire, lambda: "quotas", clock)
        quotas = Quotas(Known(), table, has_rate=True, clock=clock, write=lambda _: None)
        return GuardedHandler(
            handler, SETTINGS, admit=quotas.admit, clock=clock, write=lambda _: None
        )

    return made


def at_once(environment, gate):
    """Have twelve environments asked at one moment; return those answered before the gate opens."""

    def answer(event, context):
        del event, context
        assert gate.wait(60)
        return {"statusCode": 200}

    with ThreadPoolExecutor(ASKED) as pool:
        running = {pool.submit(environment(answer), EVENT) for _ in range(ASKED)}
        done = set()
        # Whoever passes waits at the gate; so the others are all that can end before it opens.
        while len(done) < ASKED - MOST:
            ended, running = wait(running, timeout=60, return_when=FIRST_COMPLETED)
            assert ended, "nobody was refused"
            done |= ended
        early = [each.result() for each in done]
        gate.set()
        late = [each.result() for each in running]
    return early, late


def test_exactly_as_many_pass_at_once_and_the_others_are_told_to_wait(environment):
    """Three in flight, nine refused with 429 and Retry-After; and three again after those."""
    for _ in range(2):
        early, late = at_once(environment, threading.Event())

        assert [answer["statusCode"] for answer in late] == [200] * MOST
        assert [answer["statusCode"] for answer in early] == [429] * (ASKED - MOST)
        assert {answer["headers"]["retry-after"] for answer in early} == {"1"}
        assert {json.loads(answer["body"])["code"] for answer in early} == {"quota_exceeded"}


def test_a_handler_that_fails_gives_its_place_back(environment):
    """However it ends, as long as its process lives."""

    def broken(*_):
        raise MemoryError

    for _ in range(3 * MOST):
        with pytest.raises(MemoryError):
            environment(broken)(EVENT)

    assert environment(lambda *_: {"statusCode": 200})(EVENT)["statusCode"] == 200


def test_places_of_killed_processes_come_back_within_a_minute(environment, wire, clock):
    """A process that Lambda ends at its time limit gives nothing back, and need not."""
    for _ in range(MOST):
        # Killed: it took its place, and never came to the end.
        QuotaTable(wire, lambda: "quotas", clock).hold("acme", Known().of("acme"))

    def asked():
        return environment(lambda *_: {"statusCode": 200})(EVENT)["statusCode"]

    at_first = asked()
    clock.advance(2 * WINDOW_S)

    assert (at_first, asked()) == (429, 200)
