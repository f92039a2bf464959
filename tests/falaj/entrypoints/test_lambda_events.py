"""Every form of API Gateway's event means the same request."""

import base64

import pytest

from falaj.entrypoints.lambda_events import request_of, result_of
from falaj.errors import MalformedRequestError
from falaj.http.messages import Response
from falaj.telemetry.outcome import Outcome

PATH = "/v2/models/rows/infer"


def _v2(raw_path=PATH, stage="$default", **more):
    context = {"stage": stage, "requestId": "id-2", "http": {"method": "POST", "path": raw_path}}
    return {
        "version": "2.0",
        "routeKey": "ANY /v2/models/rows/{proxy+}",
        "rawPath": raw_path,
        "rawQueryString": "",
        "headers": {"content-type": "application/json"},
        "requestContext": context,
        "body": "{}",
        "isBase64Encoded": False,
        **more,
    }


def _v1(path=PATH, **more):
    return {
        "resource": "/v2/models/rows/{proxy+}",
        "path": path,
        "httpMethod": "POST",
        "headers": {"Content-Type": "application/json"},
        "multiValueHeaders": {"Content-Type": ["application/json"]},
        "queryStringParameters": None,
        "requestContext": {"stage": "prod", "requestId": "id-1", "path": f"/prod{path}"},
        "body": "{}",
        "isBase64Encoded": False,
        **more,
    }


@pytest.mark.parametrize(
    "event",
    [
        _v2(),
        _v2(f"/prod{PATH}", stage="prod"),
        _v2(f"/v2{PATH}", stage="v2"),
        _v2(f"/base{PATH}"),
        _v2(body=base64.b64encode(b"{}").decode(), isBase64Encoded=True),
        _v1(),
        _v1(f"/base{PATH}"),
        _v1(body=base64.b64encode(b"{}").decode(), isBase64Encoded=True),
        {"rawPath": PATH, "body": "{}", "headers": {"Content-Type": "application/json"}},
        {"path": PATH, "body": "{}", "headers": {"Content-Type": "application/json"}},
    ],
)
def test_all_forms_are_one_request(event):
    """Payload formats 1.0 and 2.0, stages, base paths, Base64 and direct invocations agree."""
    request = request_of(event)
    assert (request.method, request.path, request.body) == ("POST", PATH, b"{}")
    assert request.headers["content-type"] == "application/json"


def test_the_gateways_request_id_is_kept_unless_the_caller_has_one():
    """A request can be followed from the gateway's access log to ours."""
    assert request_of(_v2()).headers["x-request-id"] == "id-2"
    assert request_of(_v1()).headers["x-request-id"] == "id-1"
    mine = _v2(headers={"X-Request-Id": "mine"})
    assert request_of(mine).headers["x-request-id"] == "mine"


def test_repeated_headers_cookies_and_queries_are_read():
    """Neither format loses what was sent more than once."""
    request = request_of(_v2(cookies=["a=1", "b=2"], rawQueryString="x=1&y=%20"))
    assert request.headers["cookie"] == "a=1; b=2"
    assert request.query == {"x": "1", "y": " "}
    request = request_of(
        _v1(
            multiValueHeaders={"Accept-Encoding": ["gzip", "deflate"], "Cookie": ["a=1", "b=2"]},
            queryStringParameters={"x": "1"},
        )
    )
    assert request.headers["accept-encoding"] == "gzip,deflate"
    assert request.headers["cookie"] == "a=1; b=2"
    assert request.query == {"x": "1"}


def test_a_direct_invocation_without_a_body_reads():
    """Health and metadata can be had by naming the path alone."""
    assert request_of({"rawPath": "/v2/health/ready"}).method == "GET"


@pytest.mark.parametrize(
    "event",
    [
        None,
        [],
        {},
        {"path": 7},
        _v2(body="not base64!", isBase64Encoded=True),
        _v2(body={"inputs": []}),
    ],
)
def test_what_is_no_event_is_refused(event):
    """A wrong invocation gets a sentence, not a stack trace."""
    with pytest.raises(MalformedRequestError, match="event"):
        request_of(event)


@pytest.mark.parametrize(
    ("headers", "is_base64"),
    [
        ({"content-type": "application/json"}, False),
        ({"content-type": "application/json", "content-encoding": "gzip"}, True),
        ({"content-type": "application/octet-stream"}, True),
    ],
)
def test_only_plain_text_travels_as_text(headers, is_base64):
    """Compressed and binary bodies are Base64; JSON is spared it."""
    result = result_of(Response(200, headers, b"{}", Outcome()))
    body = base64.b64decode(result["body"]) if is_base64 else result["body"].encode()
    assert (result["isBase64Encoded"], body) == (is_base64, b"{}")
