"""Promise: the function itself refuses what the gateway should have refused."""

import json
from contextlib import nullcontext
from datetime import timedelta

import pytest

from falaj.capture.keyring import KeyRing, TenantKey
from falaj.capture.recording import Keys, Recording
from falaj.capture.records import audit_record
from falaj.capture.refusals import Refusals
from falaj.config.access import AccessSettings
from falaj.domain.access import AccessMode, Caller, ModelAccess
from falaj.domain.routes import ROUTES
from falaj.entrypoints.guarded import GuardedHandler, guarded
from falaj.errors import QuotaExceededError
from tests.falaj.clocks import NOON, StandingClock

MODELS = {
    "churn": ModelAccess(model="churn", invoke=("model:churn:invoke",), tenants=("acme",)),
}
NOBODY = object()
EXPIRES = int(NOON.timestamp()) + 600
JWT = AccessSettings(mode=AccessMode.JWT, models=MODELS)
IAM = AccessSettings(mode=AccessMode.IAM, models=MODELS)


@pytest.fixture
def seen():
    """What reached the handler."""
    return []


@pytest.fixture
def clock():
    """Noon."""
    return StandingClock()


@pytest.fixture
def handler(seen, clock):
    """A guarded handler that remembers."""

    def inner(event, context):
        del context
        seen.append(event)
        return {"statusCode": 200}

    def build(settings=JWT):
        return GuardedHandler(inner, settings, clock=clock, write=lambda _: None)

    return build


def http_event(claims=None, *, path="/v2/models/churn/infer", method="POST", **headers):
    """An HTTP API's event."""
    said = {"tenant": "acme", "scope": "model:churn:invoke", "exp": str(EXPIRES)}
    context = {"http": {"method": method}, "stage": "$default", "requestId": "r-1"}
    if claims is not NOBODY:
        context["authorizer"] = {"jwt": {"claims": said | (claims or {}), "scopes": None}}
    return {"rawPath": path, "headers": headers, "requestContext": context}


def rest_event(told=None, **headers):
    """A REST API's event."""
    said = {"tenant": "acme", "scopes": "model:churn:invoke", "expires": str(EXPIRES)}
    return {
        "path": "/v2/models/churn/infer",
        "httpMethod": "POST",
        "headers": headers,
        "multiValueHeaders": {name: [value] for name, value in headers.items()},
        "requestContext": {"authorizer": said | (told or {}), "requestId": "r-1", "stage": "live"},
    }


@pytest.mark.parametrize("event", [http_event(), rest_event()], ids=["http", "rest"])
def test_who_may_is_answered(event, handler):
    """Both kinds of API."""
    assert handler()(event)["statusCode"] == 200


@pytest.mark.parametrize("event", [http_event, rest_event], ids=["http", "rest"])
@pytest.mark.parametrize("name", ["x-falaj-tenant", "X-Falaj-Tenant", "X-FALAJ-TENANT"])
def test_a_tenant_in_a_header_is_dropped(event, name, handler, seen):
    """The token's tenant takes its place, however the header is spelt."""
    handler()(event(**{name: "globex", "accept": "x"}))

    assert seen[0]["headers"] == {"accept": "x", "x-falaj-tenant": "acme"}
    assert "globex" not in json.dumps(seen[0])


@pytest.mark.parametrize(
    ("event", "status", "says"),
    [
        (http_event(NOBODY), 401, "checked no token"),
        (http_event({"tenant": "globex"}), 403, "not for tenant"),
        (http_event({"tenant": ""}), 403, "names no tenant"),
        (http_event({"scope": "model:churn:read"}), 403, "one of the scopes"),
        (http_event({"exp": str(EXPIRES - 700)}), 401, "expired"),
        (http_event(path="/v2/models/other/infer"), 403, "nothing is known"),
        (http_event(path="/elsewhere"), 403, "no scope opens"),
        (http_event(method="DELETE"), 403, "no scope opens"),
        (rest_event({"tenant": "globex"}), 403, "not for tenant"),
        (rest_event({"tenant": "a b"}), 403, "names no tenant"),
        (rest_event({"scopes": ""}), 403, "one of the scopes"),
        (rest_event({"expires": "soon"}), 401, "until when"),
        (rest_event({"expires": str(EXPIRES - 700)}), 401, "expired"),
        ({"requestContext": None, "rawPath": "/v2"}, 401, "checked no token"),
    ],
)
def test_who_may_not_never_reaches_the_model(event, status, says, handler, seen):
    """In our own words, with the one error body."""
    answer = handler()(event)

    body = json.loads(answer["body"])
    assert (answer["statusCode"], seen) == (status, [])
    assert says in body["error"]
    assert body.keys() == {"error", "code", "request_id"}


def test_an_authorizers_answer_does_not_outlive_the_token(handler, clock):
    """API Gateway keeps it a while; the function looks at the clock."""
    event, guard = rest_event(), handler()
    before = guard(event)["statusCode"]

    clock.advance(600 + 60)

    assert (before, guard(event)["statusCode"]) == (200, 401)


def test_401_says_how_to_ask():
    """RFC 9110, section 11.6.1."""
    guard = GuardedHandler(lambda *_: {}, JWT, clock=StandingClock(), write=lambda _: None)

    assert guard(http_event(NOBODY))["headers"]["www-authenticate"] == "Bearer"


def test_a_refusal_leaves_a_line_without_the_token(clock):
    """Who looks at the log sees why, not the key to the house."""
    lines = []
    guard = GuardedHandler(lambda *_: {}, JWT, clock=clock, write=lines.append)

    guard(http_event(NOBODY, authorization="Bearer secret"))

    assert json.loads(lines[0])["outcome"] == "unauthenticated"
    assert "secret" not in lines[0]


def test_direct_invocations_pass(handler):
    """IAM lets only the controller and our own functions invoke; they name no request context."""
    assert handler()({"falaj": "verify"})["statusCode"] == 200


@pytest.mark.parametrize(
    "context",
    [
        {
            "authorizer": {
                "iam": {"userArn": "arn:aws:iam::123456789012:role/x", "accountId": "acme"}
            }
        },
        {"identity": {"userArn": "arn:aws:iam::123456789012:role/x", "accountId": "acme"}},
    ],
    ids=["http", "rest"],
)
def test_a_signature_names_the_account_as_the_tenant(context, handler, seen):
    """Under IAM there is no token."""
    event = http_event(NOBODY)
    event["requestContext"] |= context

    handler(IAM)(event)

    assert seen[0]["headers"]["x-falaj-tenant"] == "acme"


def test_an_unsigned_request_is_nobodys(handler):
    """A gateway that forgot to ask."""
    event = rest_event()
    event["requestContext"] = {"identity": {"userArn": None, "accountId": None}}

    assert handler(IAM)(event)["statusCode"] == 401


def test_where_nobody_is_asked_nothing_is_in_the_way():
    """The handler itself, not a wrapper."""

    def inner(event, context):
        return {"event": event, "context": context}

    assert guarded(inner, settings=AccessSettings()) is inner


SIGNED = {"userArn": "arn:aws:iam::123456789012:role/x", "accountId": "acme"}


def reaching(route, mode, *, is_rest):
    """An event of a route that is let through, with a forged tenant wherever a caller can write."""
    path = route.path.replace("{model}", "churn").replace("{version}", "1")
    path = path.replace("{experiment}", "globex")
    forged = dict.fromkeys(("x-falaj-tenant", "X-Falaj-Tenant", "falaj", "tenant"), "globex")
    scope = route.scope.replace("{model}", "churn")
    if is_rest:
        event = rest_event({"scopes": scope}, **forged) | {"path": path, "httpMethod": route.method}
    else:
        event = http_event({"scope": scope}, path=path, method=route.method, **forged)
    if mode is AccessMode.IAM:
        del event["requestContext"]["authorizer"]
        event["requestContext"] |= {"identity": SIGNED} if is_rest else {}
        event["requestContext"] |= {} if is_rest else {"authorizer": {"iam": SIGNED}}
    return event | {"body": json.dumps({"tenant": "globex"})}


@pytest.mark.parametrize("is_rest", [False, True], ids=["http", "rest"])
@pytest.mark.parametrize("mode", [AccessMode.JWT, AccessMode.IAM])
@pytest.mark.parametrize("route", ROUTES, ids=lambda route: route.operation)
def test_no_route_believes_a_callers_tenant(route, mode, is_rest, handler, seen):
    """Handlers are told of one tenant, in header and context alike: the token's or the signer's."""
    answer = handler(JWT if mode is AccessMode.JWT else IAM)(reaching(route, mode, is_rest=is_rest))
    (event,) = seen
    named = {name: v for name, v in event["headers"].items() if name.lower() == "x-falaj-tenant"}

    assert answer["statusCode"] == 200
    assert named == {"x-falaj-tenant": "acme"}
    assert event.get("multiValueHeaders", {}).get("x-falaj-tenant", ["acme"]) == ["acme"]
    assert event["requestContext"]["falaj"]["tenant"] == "acme"


def test_a_tenant_that_stands_in_the_context_already_is_overwritten(handler, seen):
    """Whoever may invoke the function itself can write a context, and is checked all the same."""
    event = http_event()
    event["requestContext"]["falaj"] = {"tenant": "globex"}

    handler()(event)

    assert seen[0]["requestContext"]["falaj"] == {"tenant": "acme", "subject": ""}


@pytest.mark.parametrize("plain", ["5eed" * 8, "0b1c5f5e-53b1-4b9a-8f0e-9d2f3c1a7e55"])
@pytest.mark.parametrize("made_up", ["784-1990-1234567-1", "Zayd", "1" * 31, "a@b.ae"])
def test_a_made_up_request_id_is_not_believed(plain, made_up):
    """What goes into logs and records is about nobody: the gateway's id takes its place."""
    from falaj.entrypoints.guarded import _said_for
    from falaj.entrypoints.lambda_events import request_of

    def known_as(given):
        event = {
            "path": "/v2",
            "httpMethod": "GET",
            "headers": {"X-Request-Id": given},
            "multiValueHeaders": {"X-Request-Id": [given]},
            "requestContext": {"requestId": "gateway"},
        }
        return request_of(_said_for(event, Caller(tenant="acme"))).headers["x-request-id"]

    assert (known_as(plain), known_as(made_up)) == (plain, "gateway")


def test_who_asks_is_said_beside_the_tenant(handler, seen):
    """In the context only, where no log and no copy looks: a replica's record is made from it."""
    handler()(http_event({"sub": "784-1990-1234567-1"}))

    assert seen[0]["requestContext"]["falaj"]["subject"] == "784-1990-1234567-1"
    assert "784" not in str(seen[0]["headers"])


KEY = TenantKey(tenant="acme", number=1, id="5eed5eed", secret=bytes(32))


@pytest.fixture
def recorded(clock, lines):
    """A guarded handler whose refusals are recorded, and its records."""
    recording = Recording(Keys(lambda: KeyRing.of([KEY]), clock.now(), start=lambda work: work()))

    def refuse(tenant):
        raise QuotaExceededError(tenant=tenant, limit="rate", retry_after_s=1)

    def build(*, is_over=False):
        return GuardedHandler(
            lambda _, __: {"statusCode": 200},
            JWT,
            admit=refuse if is_over else lambda _: nullcontext(),
            clock=clock,
            write=lambda _: None,
            refusals=lambda: Refusals(recording, lines.append, model="churn"),
        )

    def records():
        return [audit_record(json.loads(line), event="e") for line in lines]

    return build, records


@pytest.fixture
def lines():
    """What is written for auditors."""
    return []


def test_each_kind_of_refusal_leaves_a_record_with_what_is_known(recorded, lines):
    """Who asked where the token was believed, and nobody where it was not; never the token."""
    build, records = recorded
    handler = build()
    handler(http_event(NOBODY))
    handler(http_event({"exp": str(EXPIRES - 700), "sub": "clerk-7"}))
    handler(http_event({"scope": "model:churn:read", "sub": "clerk-7"}))
    build(is_over=True)(http_event({"sub": "clerk-7"}))

    assert [(r["status"], r["outcome"], r["who"], r["model"]) for r in records()] == [
        (401, "unauthenticated", None, "churn"),
        (403, "forbidden", KEY.who("clerk-7"), "churn"),
        (429, "quota_exceeded", KEY.who("clerk-7"), "churn"),
    ]
    assert "clerk-7" not in "".join(lines)


def test_a_flood_is_counted_and_its_rest_told_with_the_next_request(recorded, clock):
    """A function that lives on has told all of it in the next minute."""
    build, records = recorded
    handler = build()
    for _ in range(57):
        handler(http_event(NOBODY))
    clock.at += timedelta(minutes=1)
    answered = handler(http_event())

    assert answered["statusCode"] == 200
    assert [r["count"] for r in records()] == [1, 9, 47]


def test_who_is_answered_leaves_no_record_of_a_refusal(recorded):
    """And nothing is made for whoever is never refused."""
    build, records = recorded
    build()(http_event())

    assert records() == []
