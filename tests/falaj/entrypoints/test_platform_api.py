"""The platform answers both of API Gateway's event formats, and every error in one body."""

import asyncio
import base64
import gzip
import json

import pytest
from mangum import Mangum
from openapi_spec_validator import validate

from falaj.config.platform import PlatformSettings, read_catalogue
from falaj.errors import ConfigurationError
from falaj.http.envelope import Record
from falaj.http.platform_app import platform_app
from falaj.telemetry.emf import OutcomeLog
from tests.falaj.platform_front import published_models


@pytest.fixture(scope="module")
def written():
    """Every line that the function wrote."""
    return []


@pytest.fixture(scope="module")
def handler(written):
    """The function's handler, for the repository's own catalogue."""
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)  # Mangum would make one, and never close it
    log = OutcomeLog(model="(platform)", release="7", level="INFO")
    app = platform_app(published_models(), release="7", record=Record(log, written.append))

    @app.get("/broken")
    async def broken():
        raise ZeroDivisionError("a fault of ours")

    yield Mangum(app, lifespan="off")
    asyncio.set_event_loop(None)
    loop.close()


def http_event(method, path, body=None, headers=None):
    """An HTTP API's event, payload format 2.0."""
    return {
        "version": "2.0",
        "rawPath": path,
        "rawQueryString": "",
        "headers": {"host": "api.example", **(headers or {})},
        "requestContext": {
            "requestId": "from-the-gateway",
            "stage": "$default",
            "http": {"method": method, "path": path, "sourceIp": "192.0.2.1"},
        },
        "body": body,
        "isBase64Encoded": False,
    }


def rest_event(method, path):
    """A REST API's event, payload format 1.0."""
    return {
        "resource": "/{proxy+}",
        "path": path,
        "httpMethod": method,
        "headers": {"Host": "api.example"},
        "multiValueHeaders": {"Host": ["api.example"]},
        "queryStringParameters": None,
        "multiValueQueryStringParameters": None,
        "requestContext": {"requestId": "from-the-gateway", "stage": "live", "path": path},
        "body": None,
        "isBase64Encoded": False,
    }


@pytest.fixture
def ask(handler):
    """Call the handler as an HTTP API would."""

    def ask(method, path, body=None, headers=None):
        return handler(http_event(method, path, body, headers), None)

    return ask


@pytest.mark.parametrize("event", [http_event, rest_event])
@pytest.mark.parametrize(
    ("path", "expected"),
    [("/v2/health/live", {"live": True}), ("/v2/health/ready", {"ready": True})],
)
def test_health_is_answered_in_both_formats(handler, event, path, expected):
    """Either profile's API has a health check."""
    answer = handler(event("GET", path), None)

    assert (answer["statusCode"], json.loads(answer["body"])) == (200, expected)


def test_metadata_names_the_extensions(ask):
    """Clients learn what is spoken here."""
    body = json.loads(ask("GET", "/v2")["body"])

    assert body["name"] == "falaj"
    assert "binary_tensor_data" in body["extensions"]


@pytest.mark.parametrize("body", [None, "", "{}", '{"ready": true}', '{"other": 1}'])
def test_index_lists_every_version(ask, body):
    """Triton's clients send an empty body; others a filter."""
    index = json.loads(ask("POST", "/v2/repository/index", body)["body"])

    assert [(e["name"], e["version"], e["state"]) for e in index] == [
        (m.name, str(v), "READY") for m in published_models() for v in m.versions
    ]


@pytest.mark.parametrize(
    "body", ["[", '{"ready": 1}', "7", "[" * 100_000, "\ud800", '{"ready":NaN}']
)
def test_hostile_index_requests_are_refused(ask, body):
    """Whatever the body is, the answer is a 400 with a sentence."""
    answer = ask("POST", "/v2/repository/index", body.encode("utf-8", "replace").decode())

    assert answer["statusCode"] == 400
    assert json.loads(answer["body"])["code"] == "malformed_request"


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/nothing/here", 404, "unknown_route"),
        ("GET", "/v2/models/ghost", 404, "unknown_model"),
        ("POST", "/v2/models/ghost/infer", 404, "unknown_model"),
        ("GET", "/v2/repository/index", 405, "method_not_allowed"),
        ("POST", "/v2", 405, "method_not_allowed"),
        ("TRACE", "/docs", 405, "method_not_allowed"),
        ("POST", "/v2/repository/models/tashkeel/load", 400, "immutable_repository"),
        ("POST", "/v2/repository/models/tashkeel/unload", 400, "immutable_repository"),
        ("GET", "/v2/models/stats", 400, "no_common_statistics"),
    ],
)
def test_refusals_have_the_one_error_body(ask, method, path, status, code):
    """A client parses one kind of error."""
    answer = ask(method, path)
    body = json.loads(answer["body"])

    assert (answer["statusCode"], body["code"], body["request_id"]) == (
        status,
        code,
        "from-the-gateway",
    )
    assert isinstance(body["error"], str)


def test_wrong_method_is_told_the_right_one(ask):
    """405 comes with Allow, as RFC 9110 (15.5.6) demands."""
    assert ask("GET", "/v2/repository/index")["headers"]["allow"] == "POST"


def test_unknown_model_is_refused_in_tritons_words(ask):
    """Clients that match on Triton's sentence keep working."""
    body = json.loads(ask("GET", "/v2/models/ghost")["body"])

    assert body["error"] == "Request for unknown model: 'ghost' is not found"


@pytest.mark.parametrize(
    ("given", "expected"),
    [("order-17", "order-17"), ("two\nlines", "from-the-gateway"), ("x" * 129, "from-the-gateway")],
)
def test_request_id_is_the_callers_if_it_is_fit_for_a_log(ask, given, expected):
    """An id that could forge a log line is replaced."""
    answer = ask("GET", "/v2", headers={"x-request-id": given})

    assert answer["headers"]["x-request-id"] == expected


def test_every_answer_names_the_release(ask):
    """On-call sees which version of the function answered."""
    assert [ask("GET", p)["headers"]["x-falaj-release"] for p in ("/v2", "/ghost")] == ["7", "7"]


def test_document_is_ours_and_valid(ask):
    """/openapi.json is the contract, not the framework's guess at it."""
    described = json.loads(ask("GET", "/openapi.json")["body"])

    validate(described)
    assert "/v2/models/tashkeel/infer" in described["paths"]


def test_document_names_the_stage_of_a_rest_api(handler):
    """A generated client finds the API below its stage."""
    event = rest_event("GET", "/openapi.json")
    event["requestContext"]["path"] = "/live/openapi.json"

    assert json.loads(handler(event, None)["body"])["servers"] == [{"url": "/live"}]


def test_document_is_compressed_for_those_who_ask(ask):
    """A browser gets a twentieth; curl gets plain text."""
    plain = ask("GET", "/openapi.json")
    packed = ask("GET", "/openapi.json", headers={"accept-encoding": "gzip"})

    assert packed["isBase64Encoded"]
    assert gzip.decompress(base64.b64decode(packed["body"])).decode() == plain["body"]


def test_framework_adds_no_route_of_its_own(ask):
    """FastAPI's own pages, which fetch scripts from a CDN, are not there."""
    assert [ask("GET", p)["statusCode"] for p in ("/redoc", "/docs/oauth2-redirect")] == [404, 404]


def test_missing_catalogue_is_one_sentence(tmp_path):
    """A function packaged without its catalogue says so at start."""
    with pytest.raises(ConfigurationError, match="FALAJ_CATALOGUE"):
        PlatformSettings.from_env({"LAMBDA_TASK_ROOT": str(tmp_path)})


@pytest.mark.parametrize("text", ["{", "[1]", '[{"name": "m"}]'])
def test_broken_catalogue_is_refused(tmp_path, text):
    """Half a catalogue serves nobody."""
    path = tmp_path / "catalogue.json"
    path.write_text(text)

    with pytest.raises(ConfigurationError, match="not a catalogue"):
        read_catalogue(path)


@pytest.mark.parametrize(
    ("method", "path", "status", "outcome", "operation", "bad"),
    [
        ("GET", "/v2/health/live", 200, "ok", "GET /v2/health/live", [0.0]),
        (
            "POST",
            "/v2/repository/models/Fatima-Al-Ali/load",
            400,
            "client_error",
            "POST /v2/repository/models/{model}/load",
            [0.0],
        ),
        ("GET", "/people/784-1990-1234567-1", 404, "client_error", "unrouted", [0.0]),
        ("GET", "/broken", 500, "error", "GET /broken", [1.0]),
    ],
)
def test_each_answer_leaves_one_line_that_is_its_metrics(
    ask, written, method, path, status, outcome, operation, bad
):
    """FastAPI behind Mangum answers 500 without raising: only this line lets Lambda's user know."""
    written.clear()
    headers = {"traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"}

    answer = ask(method, path, headers=headers)

    assert answer["statusCode"] == status
    [line] = map(json.loads, written)
    assert (line["outcome"], line["message"], line["Bad"]) == (outcome, operation, bad)
    assert (line["Model"], line["Release"], line["status"]) == ("(platform)", "7", status)
    assert line["request_id"] == answer["headers"]["x-request-id"]
    assert line["trace_id"] == "0af7651916cd43dd8448eb211c80319c"
    assert "Fatima" not in written[0]
    assert "784-1990" not in written[0]
