"""Promise: functions get AWS's events, and clients get AWS's answers."""

import asyncio
import json
import random
from base64 import b64decode, b64encode
from datetime import UTC, datetime

import pytest

from local_region.gateway.front_door import FrontDoor, Invocation, Outcome
from local_region.gateway.messages import ApiKind, Request
from local_region.gateway.openapi import read_definition
from local_region.gateway.registry import ApiRegistry, Stage

ARN = "arn:aws:lambda:me-central-1:000000000000:function:f:live"
HOST = "127.0.0.1:8080"


class Noon:
    """A clock that stands at noon."""

    def now(self):
        """Return noon."""
        return datetime(2026, 11, 22, 12, 0, 0, tzinfo=UTC)


class Function:
    """Stands for Lambda: remembers the event, answers what it is told."""

    def __init__(self, invocation):
        self.invocation, self.events = invocation, []
        self.may_answer = asyncio.Event()
        self.may_answer.set()

    async def invoke(self, _arn, payload, _request_id, _trace):
        """Remember the event and answer."""
        self.events.append(json.loads(payload))
        await self.may_answer.wait()
        return self.invocation


def answered(value, version="3"):
    """What Lambda hands back when a function returns a value."""
    return Invocation(
        outcome=Outcome.ANSWERED, payload=json.dumps(value).encode(), executed_version=version
    )


OK = answered({"statusCode": 200, "body": "{}", "headers": {"Content-Type": "application/json"}})


def gateway(
    kind=ApiKind.HTTP,
    *,
    invocation=OK,
    stage="$default",
    path="/v2/{proxy+}",
    allows=True,
    credentials=True,
    payload_format="2.0",
    variables=None,
    timeout_ms=1000,
    held_up=lambda _: 0.0,
    **body,
):
    """A gateway with one API of one route, and the function behind it."""
    integration = {
        "type": "aws_proxy",
        "uri": ARN,
        "payloadFormatVersion": payload_format,
        "timeoutInMillis": timeout_ms,
        **({"credentials": "arn:aws:iam::000000000000:role/r"} if credentials else {}),
    }
    operation = {"x-amazon-apigateway-integration": integration}
    definition = read_definition(
        kind, "Api", {"paths": {path: {"x-amazon-apigateway-any-method": operation}}, **body}
    )
    apis = ApiRegistry()
    api = apis.put("abcdefghij", definition)
    deployment = apis.deploy("abcdefghij") if kind is ApiKind.REST else None
    api.stages[stage] = Stage(name=stage, deployment_id=deployment, variables=variables or {})
    function = Function(invocation)
    door = FrontDoor(
        apis=apis,
        invoke=function.invoke,
        allows=lambda _arn, _source: allows,
        clock=Noon(),
        rng=random.Random(7),
        account="000000000000",
        region="me-central-1",
        held_up=held_up,
    )
    return door, function


def request(method="POST", path="/v2/a", query="", body=b"", **headers):
    """A request with these headers, underscores for dashes."""
    sent = (("host", HOST), *((k.replace("_", "-"), v) for k, v in headers.items()))
    return Request(
        method=method, path=path, query=query, headers=sent, body=body, source_ip="10.0.0.9"
    )


def ask(door, asked):
    """Send one request through the gateway."""
    return asyncio.run(door.answer(asked))


def test_format_2_event_is_complete():
    """Every field that AWS documents, and none it leaves out when empty."""
    door, function = gateway()

    ask(
        door,
        request(
            path="/v2/a%20b",
            query="x=1&x=2&y=a%20b",
            body=b'{"a":1}',
            content_type="application/json",
            user_agent="curl/8",
            cookie="k=v; l=w",
            x_amzn_trace_id="Root=1-abc",
        ),
    )

    event = function.events[0]
    request_id = event["requestContext"].pop("requestId")
    assert len(request_id) == 16
    assert event == {
        "version": "2.0",
        "routeKey": "ANY /v2/{proxy+}",
        "rawPath": "/v2/a b",
        "rawQueryString": "x=1&x=2&y=a%20b",
        "cookies": ["k=v", "l=w"],
        "headers": {
            "host": HOST,
            "content-type": "application/json",
            "user-agent": "curl/8",
            "x-amzn-trace-id": "Root=1-abc",
            "x-forwarded-for": "10.0.0.9",
            "x-forwarded-port": "8080",
            "x-forwarded-proto": "http",
        },
        "queryStringParameters": {"x": "1,2", "y": "a b"},
        "pathParameters": {"proxy": "a b"},
        "requestContext": {
            "accountId": "000000000000",
            "apiId": "abcdefghij",
            "domainName": HOST,
            "domainPrefix": "127",
            "http": {
                "method": "POST",
                "path": "/v2/a b",
                "protocol": "HTTP/1.1",
                "sourceIp": "10.0.0.9",
                "userAgent": "curl/8",
            },
            "routeKey": "ANY /v2/{proxy+}",
            "stage": "$default",
            "time": "22/Nov/2026:12:00:00 +0000",
            "timeEpoch": 1795348800000,
        },
        "body": '{"a":1}',
        "isBase64Encoded": False,
    }


def test_format_1_event_is_complete():
    """REST events keep the encoded path, list repeated values and name the stage's path."""
    door, function = gateway(ApiKind.REST, stage="prod", variables={"v": "1"})
    repeated = Request(
        method="GET",
        path="/prod/v2/a%20b",
        query="x=1&x=2",
        headers=(("host", HOST), ("accept", "a"), ("accept", "b"), ("x-amzn-trace-id", "t")),
        body=b"",
        source_ip="10.0.0.9",
    )

    ask(door, repeated)

    event = function.events[0]
    context = event.pop("requestContext")
    assert event == {
        "resource": "/v2/{proxy+}",
        "path": "/v2/a%20b",
        "httpMethod": "GET",
        "headers": {
            "host": HOST,
            "accept": "b",
            "x-amzn-trace-id": "t",
            "x-forwarded-for": "10.0.0.9",
            "x-forwarded-port": "8080",
            "x-forwarded-proto": "http",
        },
        "multiValueHeaders": {
            "host": [HOST],
            "accept": ["a", "b"],
            "x-amzn-trace-id": ["t"],
            "x-forwarded-for": ["10.0.0.9"],
            "x-forwarded-port": ["8080"],
            "x-forwarded-proto": ["http"],
        },
        "queryStringParameters": {"x": "2"},
        "multiValueQueryStringParameters": {"x": ["1", "2"]},
        "pathParameters": {"proxy": "a b"},
        "stageVariables": {"v": "1"},
        "body": None,
        "isBase64Encoded": False,
    }
    assert (context["path"], context["stage"], context["identity"]["sourceIp"]) == (
        "/prod/v2/a%20b",
        "prod",
        "10.0.0.9",
    )


def test_rest_api_is_also_served_at_the_root():
    """As behind a custom domain: the same function, the same path below the stage."""
    door, function = gateway(ApiKind.REST, stage="prod")

    for path in ("/prod/v2/a", "/v2/a"):
        ask(door, request(path=path))

    assert [event["path"] for event in function.events] == ["/v2/a", "/v2/a"]


def test_named_stage_of_an_http_api_stays_in_the_path():
    """AWS leaves the stage in `rawPath`."""
    door, function = gateway(stage="dev")

    ask(door, request(path="/dev/v2/a"))

    assert function.events[0]["rawPath"] == "/dev/v2/a"


def test_http_api_without_default_stage_answers_nothing_at_the_root():
    """Only the named stage is served."""
    door, _ = gateway(stage="dev")

    assert ask(door, request(path="/v2/a")).status == 404


@pytest.mark.parametrize(
    ("headers", "body", "is_base64"),
    [
        ({"content_type": "application/json; charset=utf-8"}, b"{}", False),
        ({"content_type": "text/csv"}, b"a,b", False),
        ({"content_type": "application/xml"}, b"<a/>", False),
        ({"content_type": "application/x-www-form-urlencoded"}, b"a=b", True),
        ({"content_type": "application/octet-stream"}, b"{}", True),
        ({"content_type": "application/problem+json"}, b"{}", True),
        ({}, b"{}", True),
        ({"content_type": "application/json", "content_encoding": "gzip"}, b"\x1f\x8b", True),
        ({"content_type": "application/json"}, b"\xff\xfe", True),
    ],
)
def test_http_api_encodes_what_is_not_text(headers, body, is_base64):
    """As measured on AWS: text for four families, base64 for everything else."""
    door, function = gateway()

    ask(door, request(body=body, **headers))

    event = function.events[0]
    got = b64decode(event["body"]) if event["isBase64Encoded"] else event["body"].encode()
    assert (got, event["isBase64Encoded"]) == (body, is_base64)


@pytest.mark.parametrize(
    ("listed", "media_type", "is_base64"),
    [
        (["*/*"], "application/json", True),
        (["image/*"], "image/png", True),
        (["image/*"], "application/json", False),
        ([], "application/octet-stream", False),
    ],
)
def test_rest_api_encodes_listed_media_types(listed, media_type, is_base64):
    """`binaryMediaTypes` decides."""
    extension = {"x-amazon-apigateway-binary-media-types": listed}
    door, function = gateway(ApiKind.REST, stage="prod", **extension)

    ask(door, request(body=b"{}", content_type=media_type))

    assert function.events[0]["isBase64Encoded"] is is_base64


@pytest.mark.parametrize(
    ("value", "status", "content_type", "body"),
    [
        ("hello", 200, "application/json", b"hello"),
        ({"message": "hi"}, 200, "application/json", b'{"message": "hi"}'),
        ([1, 2], 200, "application/json", b"[1, 2]"),
        (None, 200, "application/json", b"null"),
        ({"statusCode": 204}, 204, "text/plain;charset=UTF-8", b""),
        (
            {"statusCode": "418", "headers": {"X": True}, "body": "t"},
            418,
            "text/plain;charset=UTF-8",
            b"t",
        ),
    ],
)
def test_format_2_answer_is_inferred(value, status, content_type, body):
    """JSON without a status is the body of a 200."""
    door, _ = gateway(invocation=answered(value))

    response = ask(door, request())

    assert (response.status, dict(response.headers)["content-type"], response.body) == (
        status,
        content_type,
        body,
    )


def test_base64_answer_is_decoded():
    """Bytes arrive as bytes."""
    value = {"statusCode": 200, "body": b64encode(b"\x00\xff").decode(), "isBase64Encoded": True}
    door, _ = gateway(invocation=answered(value))

    assert ask(door, request()).body == b"\x00\xff"


def test_format_2_cookies_become_headers():
    """Each cookie is a set-cookie of its own."""
    door, _ = gateway(invocation=answered({"statusCode": 200, "cookies": ["a=1", "b=2"]}))

    response = ask(door, request())

    assert [v for k, v in response.headers if k == "set-cookie"] == ["a=1", "b=2"]


def test_format_1_answer_lists_headers():
    """Listed headers win over headers of the same name."""
    value = {
        "statusCode": 200,
        "headers": {"X-A": "1", "X-B": "2"},
        "multiValueHeaders": {"x-a": ["3", "4"]},
        "body": "",
    }
    door, _ = gateway(ApiKind.REST, stage="prod", invocation=answered(value))

    response = ask(door, request())

    assert [pair for pair in response.headers if pair[0].startswith("x-a")][:2] == [
        ("x-a", "3"),
        ("x-a", "4"),
    ]


FAILED = Invocation(outcome=Outcome.FUNCTION_ERROR, payload=b"{}", executed_version="3")
THROTTLED = Invocation(outcome=Outcome.THROTTLED)
MISSING = Invocation(outcome=Outcome.MISSING)


@pytest.mark.parametrize(
    ("kind", "invocation", "status", "message"),
    [
        (ApiKind.HTTP, FAILED, 500, "Internal Server Error"),
        (ApiKind.REST, FAILED, 502, "Internal server error"),
        (ApiKind.HTTP, THROTTLED, 503, "Service Unavailable"),
        (ApiKind.REST, THROTTLED, 500, "Internal server error"),
        (ApiKind.HTTP, MISSING, 500, "Internal Server Error"),
        (ApiKind.REST, MISSING, 500, "Internal server error"),
        (ApiKind.REST, answered("hello"), 502, "Internal server error"),
        (ApiKind.REST, answered({"statusCode": 99}), 502, "Internal server error"),
        (ApiKind.REST, answered({"statusCode": "x"}), 502, "Internal server error"),
        (ApiKind.REST, answered({"statusCode": 200, "body": {}}), 502, "Internal server error"),
        (ApiKind.HTTP, answered({"statusCode": 200, "body": {}}), 500, "Internal Server Error"),
        (
            ApiKind.HTTP,
            answered({"statusCode": 200, "body": "?", "isBase64Encoded": True}),
            500,
            "Internal Server Error",
        ),
    ],
)
def test_failure_is_answered_as_aws_does(kind, invocation, status, message):
    """The client sees API Gateway's own status and words."""
    door, _ = gateway(
        kind, stage="prod" if kind is ApiKind.REST else "$default", invocation=invocation
    )

    response = ask(door, request())

    assert (response.status, json.loads(response.body)) == (status, {"message": message})


def test_gateway_waits_for_what_the_machine_holds_up():
    """An answer is not lost because its function stood in line for a processor."""
    told = []

    def held_up(invocation):
        if told:  # it is asked again when the timeout is over
            function.may_answer.set()
        told.append(invocation)
        return 60.0 * (len(told) - 1)

    door, function = gateway(timeout_ms=50, held_up=held_up)
    function.may_answer.clear()

    assert ask(door, request()).status == 200
    assert (len(told), len(set(told))) == (2, 1)


@pytest.mark.parametrize(
    ("kind", "status", "message"),
    [
        (ApiKind.HTTP, 503, "Service Unavailable"),
        (ApiKind.REST, 504, "Endpoint request timed out"),
    ],
)
def test_gateway_stops_waiting(kind, status, message):
    """After the integration's timeout the client is answered; the function goes on."""
    door, function = gateway(
        kind, stage="prod" if kind is ApiKind.REST else "$default", timeout_ms=50
    )
    function.may_answer.clear()

    async def ask_and_drain():
        response = await door.answer(request())
        function.may_answer.set()
        await door.drain()
        return response

    response = asyncio.run(ask_and_drain())

    assert (response.status, json.loads(response.body)["message"]) == (status, message)


@pytest.mark.parametrize(
    ("kind", "status", "message"),
    [(ApiKind.HTTP, 404, "Not Found"), (ApiKind.REST, 403, "Missing Authentication Token")],
)
def test_unknown_path_is_refused(kind, status, message):
    """Each kind of API has words of its own for it."""
    door, _ = gateway(kind, stage="prod" if kind is ApiKind.REST else "$default")

    response = ask(door, request(path="/elsewhere"))

    assert (response.status, json.loads(response.body)["message"]) == (status, message)


def test_gateway_without_permission_fails():
    """A route without credentials whose function does not admit API Gateway answers 500."""
    door, function = gateway(credentials=False, allows=False)

    assert (ask(door, request()).status, function.events) == (500, [])


@pytest.mark.parametrize("invocation", [OK, FAILED])
def test_answer_names_the_executed_version(invocation):
    """Also a failed invocation says which version it was."""
    door, _ = gateway(invocation=invocation)

    assert dict(ask(door, request()).headers)["x-amz-executed-version"] == "3"


CORS = {
    "x-amazon-apigateway-cors": {
        "allowOrigins": ["https://app.example"],
        "allowMethods": ["GET", "POST"],
        "allowHeaders": ["*"],
        "exposeHeaders": ["x-falaj-release"],
        "maxAge": 600,
    }
}


def test_preflight_is_answered_by_the_gateway():
    """A browser's question never reaches the function."""
    door, function = gateway(**CORS)
    asked = {"origin": "https://app.example", "access_control_request_method": "POST"}

    response = ask(door, request(method="OPTIONS", **asked))

    permitted = {k: v for k, v in response.headers if k.startswith("access-control-")}
    assert (response.status, function.events, permitted) == (
        204,
        [],
        {
            "access-control-allow-origin": "https://app.example",
            "access-control-allow-methods": "GET,POST",
            "access-control-allow-headers": "*",
            "access-control-max-age": "600",
        },
    )


def test_strange_origin_gets_no_permission():
    """Without the header, the browser refuses."""
    door, _ = gateway(**CORS)
    asked = {"origin": "https://evil.example", "access_control_request_method": "POST"}

    response = ask(door, request(method="OPTIONS", **asked))

    assert [k for k, _ in response.headers if k.startswith("access-control-")] == []


def test_cors_headers_are_the_apis_own():
    """What a function says about origins is replaced."""
    loose = answered({"statusCode": 200, "headers": {"Access-Control-Allow-Origin": "*"}})
    door, _ = gateway(invocation=loose, **CORS)

    response = ask(door, request(origin="https://app.example"))

    assert [v for k, v in response.headers if k == "access-control-allow-origin"] == [
        "https://app.example"
    ]


def test_customised_gateway_response_is_used():
    """A REST API's own words replace API Gateway's."""
    answers = {
        "DEFAULT_4XX": {
            "statusCode": "404",
            "responseParameters": {"gatewayresponse.header.X-Kind": "'gateway'"},
            "responseTemplates": {
                "application/json": '{"error":$context.error.messageString,"code":"refused"}'
            },
        }
    }
    door, _ = gateway(
        ApiKind.REST, stage="prod", **{"x-amazon-apigateway-gateway-responses": answers}
    )

    response = ask(door, request(path="/elsewhere"))

    assert (response.status, json.loads(response.body), dict(response.headers)["x-kind"]) == (
        404,
        {"error": "Missing Authentication Token", "code": "refused"},
        "gateway",
    )
