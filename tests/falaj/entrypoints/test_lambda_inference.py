"""The handler answers every event and leaves exactly one line for each."""

import base64
import gzip
import json
from types import SimpleNamespace

import numpy as np
import pytest

from falaj.contract import RESPONSE_LIMIT_BYTES

ARN = "arn:aws:lambda:me-central-1:123456789012:function:fn:live"
CONTEXT = SimpleNamespace(aws_request_id="lambda-1", invoked_function_arn=ARN)


def _event(model, tensor, *, headers=None, **more):
    body = json.dumps({"inputs": [tensor], **more})
    return {
        "version": "2.0",
        "rawPath": f"/v2/models/{model}/infer",
        "headers": headers or {},
        "requestContext": {"stage": "$default", "requestId": "gw-1", "http": {"method": "POST"}},
        "body": body,
    }


def _row():
    return {"name": "x", "shape": [1, 30], "datatype": "FP32", "data": [0.5] * 30}


def _number(value):
    return {"name": "x", "shape": [1], "datatype": "FP32", "data": [value]}


def test_an_inference_is_answered_and_recorded(handler, lines):
    """One event, one answer, one line with the metrics alarms watch."""
    traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    result = handler(_event("rows", _row(), headers={"traceparent": traceparent}), CONTEXT)
    assert result["statusCode"] == 200
    assert result["headers"]["x-falaj-release"] == "12"
    assert json.loads(result["body"])["model_name"] == "rows"
    (line,) = lines
    assert (line["Requests"], line["Bad"], line["ColdStarts"]) == ([1.0], [0.0], [1.0])
    assert "Latency" not in line, "the first request of an environment is not timed"
    handler(_event("rows", _row(), headers={"traceparent": traceparent}), CONTEXT)
    assert lines[1]["Latency"][0] >= lines[1]["InferenceLatency"][0] > 0
    assert (line["Model"], line["Release"], line["status"]) == ("rows", "12", 200)
    assert line["trace_id"] == "0af7651916cd43dd8448eb211c80319c"
    assert (line["request_id"], line["function_request_id"]) == ("gw-1", "lambda-1")
    assert line["function_arn"] == ARN


def test_only_the_first_request_is_cold(handler, lines):
    """A cold start is counted once for each environment."""
    for _ in range(3):
        handler(_event("rows", _row()), CONTEXT)
    assert [line["ColdStarts"] for line in lines] == [[1.0], [0.0], [0.0]]
    assert [line["cold_start"] for line in lines] == [True, False, False]


def test_an_invalid_output_is_bad_and_a_refusal_is_not(handler, lines):
    """The guard counts what we did wrong, not what callers did."""
    assert handler(_event("log", _number(-1.0)), CONTEXT)["statusCode"] == 500
    assert handler(_event("rows", _number(1.0)), CONTEXT)["statusCode"] == 400
    counted = [
        (line["Bad"], line["InvalidOutput"], line["ClientErrors"], line["Model"]) for line in lines
    ]
    assert counted == [([1.0], [1.0], [0.0], "log"), ([0.0], [0.0], [1.0], "rows")]


@pytest.mark.parametrize(
    "event", [None, {}, {"rawPath": "/nothing"}, {"rawPath": "/v2", "body": 1}]
)
def test_any_event_gets_an_answer(handler, lines, event):
    """What is no request is refused with the error body, and recorded."""
    result = handler(event, None)
    assert 400 <= result["statusCode"] < 500
    assert set(json.loads(result["body"])) == {"error", "code", "request_id"}
    assert len(lines) == 1


def test_too_large_an_answer_says_how_to_get_it(handler, lines):
    """Beyond Lambda's limit the caller learns of the binary and the asynchronous way."""
    result = handler(_event("repeat", _number(0.1)), CONTEXT)
    body = json.loads(result["body"])
    assert (result["statusCode"], body["code"]) == (413, "response_too_large")
    assert "binary_data_output" in body["error"]
    assert "/v2/models/repeat/infer_async" in body["error"]
    assert result["headers"]["x-falaj-variant"] == "1"
    assert lines[0]["ClientErrors"] == [1.0]


def test_the_same_answer_compressed_fits(handler):
    """Three million equal numbers compress well, and are then no larger than the limit."""
    event = _event(
        "repeat",
        _number(0.1),
        headers={"accept-encoding": "gzip"},
        parameters={"binary_data_output": True},
    )
    result = handler(event, CONTEXT)
    assert (result["statusCode"], result["isBase64Encoded"]) == (200, True)
    body = gzip.decompress(base64.b64decode(result["body"]))
    length = int(result["headers"]["inference-header-content-length"])
    values = np.frombuffer(body[length:], "<f4")
    assert (len(values), values[0]) == (3_000_000, np.float32(0.1))


def test_arabic_is_measured_as_the_runtime_writes_it(handler):
    """Python 3.11's runtime client escapes every Arabic letter: two bytes become six."""
    text = "س" * 1_100_000
    tensor = {"name": "x", "shape": [1], "datatype": "BYTES", "data": [text]}
    result = handler(_event("words", tensor), CONTEXT)
    assert len(text.encode()) < RESPONSE_LIMIT_BYTES < len(json.dumps(text))
    assert result["statusCode"] == 413


def test_a_large_answer_below_the_limit_is_sent(handler):
    """The limit is not reached before it is reached."""
    text = "a" * 5_000_000
    tensor = {"name": "x", "shape": [1], "datatype": "BYTES", "data": [text]}
    result = handler(_event("words", tensor), CONTEXT)
    assert result["statusCode"] == 200
    assert len(json.dumps(result)) < RESPONSE_LIMIT_BYTES


def test_golden_cases_leave_no_outcome(handler, lines):
    """A verification by the rollout controller is not the release's traffic."""
    report = handler({"falaj": "verify"})
    assert (report["release"], report["passed"]) == ("12", True)
    assert set(report["models"]) == {"rows", "log", "repeat", "words"}
    assert lines == []


def test_the_request_after_a_verification_is_warm(handler, lines):
    """What the golden cases warmed up is not called a cold start."""
    handler({"falaj": "verify"})
    handler({"rawPath": "/v2", "requestContext": {"http": {"method": "GET"}}})
    assert [line["ColdStarts"] for line in lines] == [[0.0]]
