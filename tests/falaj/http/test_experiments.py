"""`/experiments` says what the analyst says, in the API's own words and error body."""

import asyncio
import json
from urllib.parse import urlencode

import pytest
from mangum import Mangum

from falaj.aws.analyst import AnalystFunction
from falaj.config.access import AccessSettings
from falaj.domain.access import AccessMode, ModelAccess
from falaj.domain.openapi import document
from falaj.entrypoints.guarded import guarded
from falaj.errors import FalajError
from falaj.http.platform_app import platform_app
from tests.falaj.analyst_region import TICK, AnalystRegion, declared

WHY = {"reason": "asked for"}
OPEN = AccessSettings()
MODELS = {"m": ModelAccess(model="m", invoke=("model:m:invoke",))}
SIGNER = "arn:aws:iam::123456789012:role/x"
CALLERS = {
    "open": (OPEN, {}, "somebody at 192.0.2.1"),
    "iam": (
        AccessSettings(mode=AccessMode.IAM, models=MODELS),
        {"authorizer": {"iam": {"userArn": SIGNER, "accountId": "123456789012"}}},
        f"{SIGNER} (123456789012)",
    ),
    "jwt": (
        AccessSettings(mode=AccessMode.JWT, models=MODELS),
        {
            "authorizer": {
                "jwt": {
                    "claims": {
                        "sub": "zayd",
                        "tenant": "acme",
                        "scope": "model:m:experiment",
                        "exp": "99999999999",
                    }
                }
            }
        },
        "zayd (acme)",
    ),
}
"""What the gateway has found out, and whom the analyst is told of."""
BETTER = {"control": 0.2, "warm": 0.5}


class Answer:
    """What Lambda's Invoke answers."""

    def __init__(self, told):
        self._told = told

    def read(self):
        """Give the payload."""
        return json.dumps(self._told).encode()


class LambdaClient:
    """Stands where boto3's Lambda client stands, over the real analyst."""

    def __init__(self, analyst):
        self.analyst, self.actors = analyst, []

    def invoke(self, *, FunctionName, InvocationType, Payload):  # noqa: N803 - boto3's names
        """Invoke it as Lambda does: exceptions become documents."""
        assert (FunctionName, InvocationType) == ("analyst", "RequestResponse")
        event = json.loads(Payload)
        self.actors.append(event.get("command", {}).get("actor"))
        try:
            return {"Payload": Answer(self.analyst(event))}
        except FalajError as error:
            told = {"errorType": type(error).__name__, "errorMessage": str(error)}
            return {"Payload": Answer(told), "FunctionError": "Unhandled"}


class Told:
    """What API Gateway is answered."""

    def __init__(self, result):
        self.status, self.headers = result["statusCode"], result["headers"]
        self.text = result["body"]

    @property
    def document(self):
        """The body, parsed."""
        return json.loads(self.text)


class Api:
    """The application behind API Gateway's events."""

    def __init__(self, app, *, access=OPEN, context=None, headers=None):
        self._handler = guarded(Mangum(app, lifespan="off"), settings=access)
        self._context, self._headers = context or {}, headers or {}

    def __call__(self, method, path, body=None, **query):
        """Send one request."""
        event = {
            "version": "2.0",
            "rawPath": path,
            "rawQueryString": urlencode(query),
            "headers": {
                "host": "api.example",
                "content-type": "application/json",
                **self._headers,
            },
            "requestContext": {
                "stage": "$default",
                "http": {"method": method, "path": path, "sourceIp": "192.0.2.1"},
                **self._context,
            },
            "body": None if body is None else json.dumps(body),
            "isBase64Encoded": False,
        }
        return Told(self._handler(event, None))


@pytest.fixture(autouse=True)
def loop():
    """An event loop, as Lambda's process has one."""
    made = asyncio.new_event_loop()
    asyncio.set_event_loop(made)
    yield
    asyncio.set_event_loop(None)
    made.close()


@pytest.fixture
def region():
    """A region in which version 1 serves."""
    found = AnalystRegion()
    found.want("1")
    yield found
    found.close()


@pytest.fixture
def client(region):
    """A Lambda client that reaches the region's analyst."""
    return LambdaClient(region.analyst())


@pytest.fixture
def api(client):
    """The platform's application."""
    return Api(platform_app([], ask_analyst=AnalystFunction(client, "analyst").ask))


def start(api, **changes):
    """Start an experiment as a program would."""
    return api("POST", "/experiments/m", WHY | {"spec": declared(**changes).to_dict()})


def test_an_experiment_is_started_followed_and_stopped(api):
    """Each answer says where it stands then."""
    phases = [
        start(api).document["status"]["phase"],
        api("GET", "/experiments/m/greeting").document["status"]["phase"],
        api("POST", "/experiments/m/greeting/stop", WHY).document["status"]["phase"],
        api("GET", "/experiments").document["experiments"][0]["phase"],
        api("GET", "/experiments/m").document["experiments"][0]["phase"],
    ]

    assert phases == ["running", "running", "stopped", "stopped", "stopped"]


@pytest.mark.parametrize("caller", CALLERS)
def test_who_acts_is_never_taken_from_a_header(caller, client):
    """Starting, deciding and stopping name whom the gateway has found, whatever headers claim."""
    access, context, actor = CALLERS[caller]
    forged = {"x-falaj-tenant": "globex", "X-Falaj-Tenant": "globex"}
    app = platform_app([], ask_analyst=AnalystFunction(client, "analyst").ask)
    api = Api(app, access=access, context=context, headers=forged)

    statuses = [
        start(api).status,
        api("POST", "/experiments/m/greeting/decide", WHY | {"choice": "revert"}).status,
        api("POST", "/experiments/m/greeting/stop", WHY).status,
    ]

    assert client.actors == [actor] * 3
    assert statuses[0] == 200


def test_a_running_experiment_grows(api):
    """More subjects by HTTP too; fewer are a conflict."""
    start(api, coverage=0.2)
    path = "/experiments/m/greeting/grow"
    grown = api("POST", path, WHY | {"coverage": 0.5})
    shrunk = api("POST", path, WHY | {"coverage": 0.1})
    odd = api("POST", path, WHY)

    assert (grown.status, grown.document["status"]["coverage"]) == (200, 0.5)
    assert (shrunk.status, odd.status) == (409, 400)
    assert "some would lose the arm they have" in shrunk.document["error"]


def test_a_held_winner_is_promoted(api, region, client):
    """The report says that it won, a person decides, and the page says who."""
    start(api)
    region.show(declared(), 900, BETTER)
    region.clock.advance(700)
    client.analyst(TICK)
    report = api("GET", "/experiments/m/greeting/report").document
    decided = api("POST", "/experiments/m/greeting/decide", WHY | {"choice": "promote"})
    page = api("GET", "/experiments/m/greeting/report", form="html")

    assert (report["verdict"], decided.document["status"]["phase"]) == ("winner", "promoted")
    assert page.headers["content-type"].startswith("text/html")
    assert "Promoted warm, by somebody at 192.0.2.1" in page.text


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "code"),
    [
        ("GET", "/experiments/m/nothing", None, 404, "unknown_experiment"),
        ("POST", "/experiments/m/nothing/stop", WHY, 404, "unknown_experiment"),
        ("POST", "/experiments/m/nothing/stop", {}, 400, "malformed_request"),
        ("POST", "/experiments/m/nothing/stop", [], 400, "malformed_request"),
        ("POST", "/experiments/m/nothing/stop", None, 400, "malformed_request"),
        ("POST", "/experiments/m", WHY | {"spec": {"model": "m"}}, 400, "malformed_request"),
        ("POST", "/experiments/m", WHY | {"spec": {"model": "n"}}, 400, "malformed_request"),
        ("DELETE", "/experiments/m", None, 405, "method_not_allowed"),
    ],
)
def test_refusals_have_the_one_error_body(api, method, path, body, status, code):
    """A sentence, a code, a request id."""
    answer = api(method, path, body)

    assert (answer.status, answer.document["code"]) == (status, code)
    assert set(answer.document) == {"error", "code", "request_id"}


@pytest.mark.parametrize("query", [{"form": "pdf"}, {"fresh": "maybe"}])
def test_a_report_comes_in_the_forms_there_are(api, query):
    """Anything else is the caller's mistake."""
    assert api("GET", "/experiments/m/greeting/report", **query).status == 400


def test_what_cannot_be_now_is_a_conflict(api):
    """The second start of a name is refused with its reason."""
    start(api)
    answer = start(api)

    assert (answer.status, answer.document["code"]) == (409, "experiment_refused")
    assert "a name is used once" in answer.document["error"]


def test_a_body_has_a_limit(api):
    """Nobody sends a megabyte of overrides."""
    body = WHY | {"spec": {"model": "m", "x": "y" * 300_000}}

    assert api("POST", "/experiments/m", body).status == 413


def test_an_analyst_that_fails_is_the_services_fault(api, region):
    """DynamoDB is dark: 500, and counted."""
    region.dark = {"dynamodb"}
    answer = api("GET", "/experiments/m/greeting")

    assert (answer.status, answer.document["code"]) == (500, "dependency")


def test_without_an_analyst_there_are_no_such_paths():
    """Where no experiments are deployed, nothing is promised."""
    assert Api(platform_app([]))("GET", "/experiments").status == 404
    assert "/experiments" not in document([])["paths"]
