"""A shadow is shown a sample, and no caller ever notices."""

import base64
import json
import re
import threading
from datetime import UTC, datetime
from types import SimpleNamespace

import pytest
from hypothesis import given, settings, strategies as st

from falaj.domain.shadow import NO_SHADOW, ShadowOrder
from falaj.entrypoints.after_response import AfterResponse
from falaj.entrypoints.shadow import Shadowed
from falaj.entrypoints.shadow_answering import ShadowAnswering
from falaj.entrypoints.shadow_copy import LARGEST_EVENT_BYTES, Copy, answer_of
from falaj.entrypoints.shadow_copying import FORGET_AFTER, LOOK_EVERY, PAUSE_S, Copying
from falaj.errors import DependencyError, MalformedRequestError
from falaj.http.messages import Request

CANARY = "784-1990-1234567-1"
NAMED = (
    "level", "timestamp", "service", "model_name", "model_version", "model_digest", "release",
    "variant", "experiment_id", "queue_ms", "infer_ms", "outcome",
)  # fmt: skip
ORDER = ShadowOrder(stable="1", candidate="2", share=1.0)


class Clock:
    """A clock that moves when told."""

    def __init__(self):
        self.instant = datetime(2026, 11, 22, tzinfo=UTC)

    def now(self):
        """Return the instant it was moved to."""
        return self.instant


class Calls:
    """An AWS that says what it is told to, and keeps what it gets."""

    def __init__(self, order=ORDER):
        self.wanted, self.looks, self.sent, self.is_dark = order, 0, [], False

    def order(self):
        """Say what is wanted."""
        self.looks += 1
        if self.is_dark:
            raise DependencyError(service="ssm", doing="answer", reason="dark")
        return self.wanted

    def send(self, version, event, *, trace):
        """Keep a copy."""
        if self.is_dark:
            raise DependencyError(service="lambda", doing="answer", reason="dark")
        self.sent.append((version, json.loads(event), trace))


class World:
    """Stable's side, with everything it touches."""

    def __init__(self, order=ORDER, release="1"):
        self.calls, self.clock, self.lines, self.pauses = Calls(order), Clock(), [], []
        self.copying = Copying(
            self.calls,
            model="m",
            release=release,
            clock=self.clock,
            write=self.lines.append,
            pause=self.pauses.append,
        )

    def answered(self, request_id="r", event=None, **result):
        """Answer a request and look after it."""
        told = {"statusCode": 200, "headers": {}, "body": "{}", "isBase64Encoded": False} | result
        self.copying.consider(event or asked(), told, request_id=request_id)

    def passes(self, time):
        """Let time pass."""
        self.clock.instant += time


def asked(body='{"inputs":[]}', **headers):
    """Return an API's event."""
    return {
        "rawPath": "/v2/models/m/infer",
        "requestContext": {
            "http": {"method": "POST", "sourceIp": CANARY},
            "authorizer": {"jwt": {"claims": {"sub": CANARY}}},
        },
        "cookies": [f"session={CANARY}"],
        "rawQueryString": f"token={CANARY}",
        "headers": {"authorization": f"Bearer {CANARY}", "content-type": "application/json"}
        | headers,
        "body": body,
    }


@pytest.fixture
def world():
    """Stable's side, with every request sampled."""
    return World()


def test_copy_goes_to_the_candidate_with_stables_answer(world):
    """The request and what its caller got, for the version that the controller named."""
    world.answered(body='{"outputs":[]}')
    ((version, event, _),) = world.calls.sent
    copy = Copy.from_event(event)
    assert (version, copy.request.path, copy.request.body) == (
        "2",
        "/v2/models/m/infer",
        b'{"inputs":[]}',
    )
    assert (copy.answer.status, copy.answer.body) == (200, b'{"outputs":[]}')


def test_copy_says_nothing_of_who_asked(world):
    """No token, cookie, claim, address or query leaves with a copy."""
    world.answered()
    assert CANARY not in json.dumps(world.calls.sent)


def test_a_copy_goes_on_with_its_callers_trace(world):
    """By its ids alone: what may stand behind them stays here."""
    parent = "cc-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    world.answered(event=asked(traceparent=f"{parent}-{CANARY}"[:200]))
    ((_, event, _),) = world.calls.sent
    assert event["request"]["headers"]["traceparent"] == parent


def test_a_malformed_trace_goes_nowhere(world):
    """As if there were none."""
    world.answered(event=asked(traceparent=CANARY))
    ((_, event, _),) = world.calls.sent
    assert "traceparent" not in event["request"]["headers"]


def test_sample_is_the_share_and_depends_on_the_request_alone():
    """Half of the requests, and the same half in every environment."""
    worlds = [World(ShadowOrder(stable="1", candidate="2", share=0.5)) for _ in range(2)]
    chosen = []
    for world in worlds:
        for number in range(400):
            world.answered(f"request {number}", asked(body=str(number)))
        chosen.append([event["request"]["body"] for _, event, _ in world.calls.sent])
    assert chosen[0] == chosen[1]
    assert 160 < len(chosen[0]) < 240


@pytest.mark.parametrize("release", ["2", "3"])
def test_only_stable_copies(release):
    """The shadow itself, or a release that came since, leaves the order alone."""
    world = World(release=release)
    world.answered()
    assert world.calls.sent == []


def test_nothing_is_sent_without_an_order():
    """No shadow, no copy, and one look in half a minute however many requests there are."""
    world = World(order=None)
    for _ in range(100):
        world.answered()
    world.passes(LOOK_EVERY)
    world.answered()
    assert (world.calls.sent, world.calls.looks, world.pauses) == ([], 2, [PAUSE_S] * 2)


def test_first_request_of_an_environment_is_copied_too(world):
    """An environment that answers once in its life copies as large a share as any other."""
    world.answered()
    assert len(world.calls.sent) == 1


def test_old_order_ends_when_it_cannot_be_read_again(world):
    """Parameter Store dark: copies go on for five minutes, not for ever."""
    world.answered("a")
    world.calls.is_dark = True
    world.passes(FORGET_AFTER)
    world.answered("b")
    world.calls.is_dark = False
    world.answered("c")
    assert len(world.calls.sent) == 1
    world.passes(LOOK_EVERY)
    world.answered("d")
    assert len(world.calls.sent) == 2


def test_copy_that_cannot_be_sent_is_counted_and_forgotten(world):
    """Lambda throttles: a metric by the shadow's release, no error, nothing of the request."""
    world.answered("a")
    world.calls.is_dark = True
    world.answered("b", asked(body=CANARY))
    (line,) = world.lines
    told = json.loads(line)
    assert (told["ShadowSkipped"], told["Model"], told["Release"]) == (1, "m", "2")
    assert told["reason"] == "lambda did not answer: dark"
    assert CANARY not in line


def test_large_answer_is_left_out_and_a_large_request_is_skipped(world):
    """What does not fit one event is copied without its answer, or not at all."""
    large = "x" * LARGEST_EVENT_BYTES
    world.answered("a", body=large)
    world.answered("b", asked(body=large))
    ((_, event, _),) = world.calls.sent
    assert Copy.from_event(event).answer is None
    assert [json.loads(line)["reason"] for line in world.lines] == ["too large"]


@pytest.mark.parametrize("status", [401, 403, 429])
def test_whoever_was_turned_away_is_not_copied(world, status):
    """The shadow must not answer what stable would not."""
    world.answered(statusCode=status)
    assert world.calls.sent == []


def test_unreadable_event_is_skipped(world):
    """What is no API event was answered 400; there is nothing to copy."""
    world.answered(event={"body": "%%%", "isBase64Encoded": True, "path": "/v2"})
    assert [json.loads(line)["reason"] for line in world.lines] == ["unreadable"]


@given(st.binary(max_size=200), st.binary(max_size=200), st.integers(200, 599))
def test_copies_arrive_as_they_were_sent(body, answered, status):
    """Any bytes."""
    result = {"statusCode": status, "headers": {"content-encoding": "x", "set-cookie": "y"}}
    encoded = {"body": base64.b64encode(answered).decode(), "isBase64Encoded": True}
    request = Request("POST", "/v2/models/m/infer", {"content-type": "a", "cookie": "b"}, body)
    copy = Copy(request, answer_of(result | encoded))
    got = Copy.from_event(json.loads(copy.to_event()))
    assert (got.request.body, got.answer.body, got.answer.status) == (body, answered, status)
    assert (got.request.headers, got.answer.headers) == (
        {"content-type": "a"},
        {"content-encoding": "x"},
    )


@pytest.mark.parametrize(
    "event",
    [
        {},
        {"request": {}},
        {"request": {"method": "GET", "path": "/", "headers": {}, "body": "%"}},
        {"request": {"method": "GET", "path": "/", "headers": {}, "body": ""}, "answer": {"a": 1}},
    ],
)
def test_what_is_no_copy_is_refused(event):
    """A copy by other code than this is an error, never a plausible request."""
    with pytest.raises(MalformedRequestError, match="no copy of a request"):
        Copy.from_event(event)


@pytest.mark.parametrize(
    "text",
    [
        NO_SHADOW,
        "",
        "[]",
        '{"stable":"1","candidate":"1","share":0.5}',
        '{"stable":"1","candidate":"$LATEST","share":0.5}',
        '{"stable":"1","candidate":"2","share":0}',
        '{"stable":"1","candidate":"2","share":1.5}',
        '{"stable":"1","candidate":"2","share":"NaN"}',
    ],
)
def test_order_that_says_nothing_readable_copies_nothing(text):
    """A parameter that somebody wrote by hand never sends requests anywhere."""
    assert ShadowOrder.from_json(text) is None


@given(st.integers(1, 999), st.floats(0.001, 1))
def test_order_is_read_as_it_was_written(stable, share):
    """Between controller and environments nothing is lost."""
    order = ShadowOrder(stable=str(stable), candidate=str(stable + 1), share=share)
    assert ShadowOrder.from_json(order.to_json()) == order


# ------------------------------------------------------------------ the handler around it
class Later:
    """Keeps what is left to do."""

    def __init__(self):
        self.works = []

    def then(self, work):
        """Keep it."""
        self.works.append(work)


class Context:
    """What Lambda gives a handler besides the event."""

    aws_request_id = "from Lambda"


def shadowed(world, handler, answering=None):
    """Give a handler its shadow, and keep what is left to do."""
    later = Later()
    made = Shadowed(handler, answering=answering, copying=world.copying, afterwards=later)
    return made, later


@settings(max_examples=60)
@given(
    st.dictionaries(st.text(max_size=5), st.integers() | st.text(max_size=5), max_size=4),
    st.sampled_from([ORDER, None, ShadowOrder(stable="1", candidate="2", share=0.5)]),
    st.booleans(),
)
def test_no_answer_is_altered_by_a_shadow(answer, order, is_dark):
    """Whatever the order says and AWS does, the caller gets the handler's own object, untouched."""
    world = World(order)
    world.calls.is_dark = is_dark
    given_out = {"statusCode": 200, "headers": {}, "body": json.dumps(answer)} | {
        "isBase64Encoded": False
    }
    before = json.dumps(given_out)
    handler, later = shadowed(world, lambda *_: given_out)
    got = handler(asked(), Context())
    assert later.works[0] is not None
    later.works[0]()
    assert got is given_out
    assert json.dumps(got) == before


def test_nothing_is_sent_before_the_answer_is_given(world):
    """The handler returns first; copying is what is left to do."""
    handler, later = shadowed(world, lambda *_: {"statusCode": 200})
    handler(asked(), Context())
    assert (world.calls.looks, world.calls.sent, len(later.works)) == (0, [], 1)


def test_golden_cases_are_not_copied(world):
    """The controller's own question is nobody's request."""
    handler, later = shadowed(world, lambda *_: {"passed": True})
    handler({"falaj": "verify"}, Context())
    assert later.works == [None]


def test_environment_is_freed_even_when_the_handler_breaks(world):
    """Without that word its next request would wait for ever."""

    def breaks(*_):
        raise MemoryError

    handler, later = shadowed(world, breaks)
    with pytest.raises(MemoryError):
        handler(asked(), Context())
    assert later.works == [None]


class Turns:
    """An extension that gives as many invocations as it is told."""

    def __init__(self):
        self.waits, self.left = threading.Semaphore(0), threading.Semaphore(0)

    def next(self):
        """Wait for the next one."""
        self.waits.release()
        self.left.acquire()
        return True


def test_work_that_breaks_does_not_stop_the_next():
    """An error nobody thought of is told, and the environment goes on."""
    turns, broken, done = Turns(), [], []
    after = AfterResponse(turns, on_failure=broken.append)
    after.start()

    def breaks():
        raise ZeroDivisionError

    for work in (breaks, None, lambda: done.append(1)):
        turns.waits.acquire(timeout=60)
        turns.left.release()
        after.then(work)
    turns.waits.acquire(timeout=60)
    assert ([type(error) for error in broken], done) == ([ZeroDivisionError], [1])


# ---------------------------------------------------------------------- the shadow's side
@pytest.fixture
def inferred(handler):
    """A real request with the answer that its caller got."""
    row = {"name": "x", "shape": [1, 30], "datatype": "FP32", "data": [0.5] * 30}
    body = json.dumps({"inputs": [row]})
    event = asked(body=body) | {"rawPath": "/v2/models/rows/infer"}
    request = Request("POST", "/v2/models/rows/infer", {}, body.encode())
    return SimpleNamespace(request=request, result=handler(event))


def test_shadow_answers_for_nobody_and_leaves_one_line(served, inferred):
    """Metrics of its own by release, the comparison, and nothing of `Requests`."""
    lines = []
    answering = ShadowAnswering(served, model="m", write=lines.append)
    stable = answer_of(inferred.result)
    copy = json.loads(Copy(inferred.request, stable).to_event())

    assert answering(copy, Context(), is_cold=False) == {}

    (line,) = lines
    told = json.loads(line)
    names = {m["Name"] for m in told["_aws"]["CloudWatchMetrics"][0]["Metrics"]}
    assert (told["ShadowRequests"], told["ShadowBad"], told["ShadowMatch"]) == (1, 0, 1)
    assert told["ShadowMismatch"] == 0
    assert {"Requests", "Bad", "Latency"} & names == set()
    assert told["ShadowLatency"] > 0
    assert set(NAMED) <= told.keys()
    assert told["release"] == served.release


def test_different_answer_is_a_mismatch_without_its_values(served, inferred):
    """The line says which output differs, and quotes neither answer."""
    lines = []
    answering = ShadowAnswering(served, model="m", write=lines.append)
    other = re.sub(r'"data":\[[^]]*\]', '"data":[7784.199]', inferred.result["body"])
    stable = answer_of(inferred.result | {"body": other})
    copy = json.loads(Copy(inferred.request, stable).to_event())

    answering(copy, Context(), is_cold=False)

    told = json.loads(lines[0])
    assert (told["ShadowMatch"], told["ShadowMismatch"]) == (0, 1)
    assert told["difference"].startswith("output")
    assert "7784" not in lines[0]


def test_copy_of_a_bad_request_is_refused_alike(served, inferred):
    """A caller's mistake is answered 4xx by both, and held against neither."""
    lines = []
    answering = ShadowAnswering(served, model="m", write=lines.append)
    request = inferred.request._replace(body=CANARY.encode())
    stable = answer_of({"statusCode": 400, "headers": {}, "body": "{}", "isBase64Encoded": False})
    answering(json.loads(Copy(request, stable).to_event()), Context(), is_cold=False)
    told = json.loads(lines[0])
    assert (told["ShadowBad"], told["ShadowMatch"], told["status"]) == (0, 1, 400)
    assert CANARY not in lines[0]
