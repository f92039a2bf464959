"""Promise: a request's line tells auditors who asked, and nobody else; answering never waits."""

import json
from datetime import timedelta

import pytest

from falaj.capture.keyring import KeyRing, TenantKey
from falaj.capture.recording import FRESH, LONGEST, Keys
from falaj.capture.records import audit_record
from falaj.config.settings import Settings
from falaj.domain.access import AccessMode
from falaj.entrypoints.capturing import Capture
from falaj.entrypoints.lambda_inference import LambdaInference
from falaj.errors import DependencyError
from tests.falaj.capture.conftest import HandClock

PERSON = "784-1990-1234567-1"
KEY = TenantKey(tenant="bank", number=1, id="5eed5eed", secret=b"k" * 32)
ROW = {"inputs": [{"name": "x", "shape": [1, 30], "datatype": "FP32", "data": [0.5] * 30}]}
BODY = json.dumps(ROW)


def event(tenant="bank", subject=PERSON):
    """A request as an HTTP API hands it on."""
    claims = {"tenant": tenant, "sub": subject, "exp": "4102444800", "scope": ""}
    return {
        "rawPath": "/v2/models/rows/infer",
        "body": BODY,
        "requestContext": {"authorizer": {"jwt": {"claims": claims}}},
    }


class Store:
    """Where keys are read; what runs in the background runs when it is told."""

    def __init__(self, *keys):
        self.keys, self.reads, self.is_dark, self.waiting = keys, 0, False, []

    def read(self):
        """Read every key."""
        self.reads += 1
        if self.is_dark:
            raise DependencyError(service="ssm", doing="give keys", reason="dark")
        return KeyRing.of(self.keys)

    def run(self):
        """Do what waits."""
        while self.waiting:
            self.waiting.pop()()


@pytest.fixture
def clock():
    """A clock that moves when told."""
    return HandClock()


def capture_of(store, clock, mode=AccessMode.JWT):
    """A function's capture."""
    keys = Keys(store.read, clock.now(), start=store.waiting.append, patience_s=0)
    return Capture(keys, mode=mode, tenant_claim="tenant", model="rows")


def seen(capture, clock, **more):
    """What one request adds."""
    return capture.seen(event(**more), BODY.encode(), clock.now())


def test_the_line_holds_the_whole_record(served, lines):
    """From the claims of the token to what an auditor reads, by the function's own line."""
    settings = Settings(model_root="models", model_name="rows", release="12")
    capture = capture_of(Store(KEY), served.clock)
    LambdaInference(served, settings, write=lines.write, capture=capture)(event())
    begun, record = (audit_record(found, event="e1") for found in lines)

    assert record["tenant"] == "p1.5eed5eed"
    assert (record["who"], record["input"]) == (KEY.who(PERSON), KEY.input(BODY.encode()))
    assert (record["model"], record["version"], record["status"]) == ("rows", "1", 200)
    assert None not in [record[key] for key in ("at", "digest", "release", "request_id", "stream")]
    assert PERSON not in json.dumps(lines)
    same = ("tenant", "who", "input", "model", "version", "digest", "release", "stream", "number")
    assert [begun[key] for key in same] == [record[key] for key in same]
    assert (begun["status"], begun["outcome"], begun["begun"]) == (None, "begun", True)


def test_a_request_that_never_ends_has_left_its_record(served, lines):
    """The line is out before anything is computed: a process that dies then has been recorded."""
    settings = Settings(model_root="models", model_name="rows", release="12")
    capture = capture_of(Store(KEY), served.clock)

    class Died(BaseException):
        """The environment ended."""

    class Dying:
        """Ends with the first inference."""

        def __getattr__(self, name):
            if name == "repository" and lines:
                raise Died
            return getattr(served, name)

    with pytest.raises(Died):
        LambdaInference(Dying(), settings, write=lines.write, capture=capture)(event())
    (record,) = (audit_record(found, event="e1") for found in lines)

    assert (record["who"], record["outcome"]) == (KEY.who(PERSON), "begun")


def test_without_capture_a_line_is_no_record(served, lines):
    """Where nobody records, nothing is added."""
    settings = Settings(model_root="models", model_name="rows", release="12")
    LambdaInference(served, settings, write=lines.write)(event())

    assert audit_record(lines[0], event="e1") is None


def test_records_are_numbered_without_a_hole(clock):
    """Each environment counts for itself."""
    store = Store(KEY)
    one, other = capture_of(store, clock), capture_of(store, clock)
    found = [seen(one, clock) for _ in range(3)] + [seen(other, clock)]

    assert [record["number"] for record in found] == [1, 2, 3, 1]
    assert len({record["stream"] for record in found}) == 2


@pytest.mark.parametrize(
    ("asked", "fault"),
    [
        ({"tenant": "clinic"}, "the tenant has no key"),
        ({"tenant": "../x"}, "forbidden"),
    ],
)
def test_who_cannot_be_named_is_answered_and_said(clock, asked, fault):
    """Neither a name in clear nor a wrong one."""
    found = seen(capture_of(Store(KEY), clock), clock, **asked)

    assert (found["fault"], "who" in found) == (fault, False)


@pytest.mark.parametrize("strange", [None, [], {}, {"requestContext": 5}, {"requestContext": {}}])
def test_no_event_makes_it_fail(clock, strange):
    """It runs after the answer is made: it must not lose it."""
    assert "fault" in capture_of(Store(KEY), clock).seen(strange, b"", clock.now())


def test_an_open_api_names_nobody(clock):
    """Claims that nobody has checked are worth nothing."""
    found = seen(capture_of(Store(KEY), clock, AccessMode.OPEN), clock)

    assert found["fault"] == "nobody was asked who they are"


def test_keys_are_read_again_in_the_background(clock):
    """The request that notices goes on with what was known; the next has the new ring."""
    store = Store(KEY)
    capture = capture_of(store, clock)
    store.keys = ()
    clock.at += FRESH

    assert "who" in seen(capture, clock)
    assert (store.reads, len(store.waiting)) == (1, 1)
    assert len(store.waiting) == 1
    store.run()
    assert seen(capture, clock)["fault"] == "the tenant has no key"


def test_while_keys_are_being_read_nobody_reads_them_again(clock):
    """A slow answer does not pile up threads."""
    store = Store(KEY)
    capture = capture_of(store, clock)
    for _ in range(5):
        clock.at += FRESH
        seen(capture, clock)

    assert len(store.waiting) == 1


def test_a_dark_store_stops_neither_start_nor_answer(clock):
    """What cannot be named is recorded as such, until SSM answers again."""
    store = Store(KEY)
    store.is_dark = True
    capture = capture_of(store, clock)
    first = seen(capture, clock)
    store.is_dark = False
    store.run()

    assert first["fault"] == "tenants' keys could not be read"
    assert seen(capture, clock)["who"] == KEY.who(PERSON)


def test_known_keys_outlive_a_dark_store(clock):
    """What was known stays."""
    store = Store(KEY)
    capture = capture_of(store, clock)
    store.is_dark = True
    clock.at += FRESH + timedelta(seconds=1)
    seen(capture, clock)
    store.run()

    assert seen(capture, clock)["who"] == KEY.who(PERSON)


def test_whoever_knows_no_key_looks_again_soon_and_ever_less_often(clock):
    """A store that was dark for a moment costs seconds of names, not minutes; nor many calls."""
    store = Store()
    store.is_dark = True
    capture = capture_of(store, clock)
    for _ in range(600):
        seen(capture, clock)
        store.run()
        clock.at += timedelta(seconds=1)
    reads = store.reads
    store.is_dark, store.keys = False, (KEY,)
    clock.at += FRESH
    seen(capture, clock)
    store.run()

    assert reads == 6  # while starting, at once, and after 20, 60, 140 and 300 s
    assert seen(capture, clock)["who"] == KEY.who(PERSON)


def test_a_key_is_used_for_no_longer_than_an_hour_without_being_read_again(clock):
    """SSM stays dark, or the key was destroyed while nobody asked this environment anything."""
    store = Store(KEY)
    capture = capture_of(store, clock)
    store.is_dark = True
    clock.at += LONGEST
    assert "who" in seen(capture, clock)
    store.run()
    clock.at += timedelta(seconds=1)

    assert seen(capture, clock)["fault"] == "tenants' keys could not be read"
    assert KEY not in vars(capture._recording._keys)["_ring"].keys.values()

    store.is_dark = False
    clock.at += FRESH
    seen(capture, clock)
    store.run()
    assert "who" in seen(capture, clock)


def test_after_lying_idle_the_first_request_waits_for_keys_as_they_are(clock):
    """The tenant was erased meanwhile: the destroyed key names nobody, not even once."""
    store = Store(KEY)
    keys = Keys(store.read, clock.now(), start=lambda work: work())
    capture = Capture(keys, mode=AccessMode.JWT, tenant_claim="tenant")
    store.keys = ()
    clock.at += LONGEST + timedelta(seconds=1)

    assert seen(capture, clock)["fault"] == "the tenant has no key"
