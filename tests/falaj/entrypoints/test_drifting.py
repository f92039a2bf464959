"""A watched function leaves a line of counts a minute, and answers as it did."""

import json
from dataclasses import replace
from hashlib import sha256

import numpy as np
import pytest

from falaj.config.settings import Settings
from falaj.domain.manifest import Manifest
from falaj.drift.reference import Feature, Reference, Rules, Side
from falaj.entrypoints.drifting import Drift, counted
from falaj.entrypoints.lambda_inference import LambdaInference
from falaj.errors import ArtefactError
from tests.falaj import onnx_models
from tests.falaj.clocks import StandingClock

RULES = Rules(window_s=3600, delta=0.1, false_alarm=0.01)


def feature(name, side, tensor, column, edges):
    """Make a feature without reference rows."""
    return Feature(
        name=name,
        side=side,
        tensor=tensor,
        column=column,
        is_category=False,
        edges=edges,
        counts=(0,) * (len(edges) + 2),
    )


REFERENCE = Reference(
    model="rows",
    version=1,
    rules=RULES,
    features=(
        feature("first", Side.INPUT, "x", 0, (0.0,)),
        feature("positive", Side.OUTPUT, "is_positive", 0, (0.0, 1.0, 2.0)),
    ),
)


@pytest.fixture
def root(tmp_path):
    """Two models, one of them with a reference of drift."""
    onnx_models.write_version(tmp_path, "log", 1, onnx_models.logarithm())
    manifest = onnx_models.write_version(tmp_path, "rows", 1, onnx_models.linear())
    folder = tmp_path / "rows" / "1"
    text = json.dumps(REFERENCE.to_dict())
    (folder / "drift.json").write_text(text)
    facts = {"drift": sha256(text.encode()).hexdigest()}
    watched: Manifest = replace(manifest, facts=facts)
    (folder / "manifest.json").write_text(json.dumps(watched.to_dict()))
    return tmp_path


@pytest.fixture
def clock():
    """A clock that is moved by hand."""
    return StandingClock()


@pytest.fixture
def service(root, clock):
    """What the function serves."""
    made = onnx_models.service_of(root, release="12", clock=clock)
    made.repository.model("rows")
    made.repository.model("log")
    return made


def event(model, value, rows=1):
    """Ask for one or more equal rows."""
    data = [value] * (30 * rows) if model == "rows" else [value]
    tensor = {
        "name": "x",
        "shape": [rows, 30] if model == "rows" else [1],
        "datatype": "FP32",
        "data": data,
    }
    return {
        "version": "2.0",
        "rawPath": f"/v2/models/{model}/infer",
        "headers": {},
        "requestContext": {"stage": "$default", "requestId": "g", "http": {"method": "POST"}},
        "body": json.dumps({"inputs": [tensor]}),
    }


@pytest.fixture
def handler(service, root, lines):
    """A watched function."""
    settings = Settings(model_root=str(root), model_name="rows", release="12", function_name="fn")
    inner = LambdaInference(service, settings, write=lambda _: None)
    return counted(inner, service, str(root), write=lines.write)


def test_a_minute_of_answers_is_one_line(handler, lines, clock):
    """Rows of all its requests, integers only, the answer as without."""
    answers = [handler(event("rows", value, rows), None) for value, rows in ((1.0, 3), (-1.0, 1))]
    clock.advance(60)
    answers.append(handler(event("rows", 1.0), None))
    (line,) = lines
    assert [answer["statusCode"] for answer in answers] == [200, 200, 200]
    assert (line["message"], line["rows"], line["counts"][0]) == ("drift", 5, [1, 4, 0])
    assert sorted(line["counts"][1]) == [0, 0, 0, 1, 4]
    assert (line["model_name"], line["model_version"], line["release"]) == ("rows", "1", "12")
    assert line["until"] - line["since"] == 60


def test_no_line_before_its_minute(handler, lines):
    """A busy function does not write one a request."""
    for _ in range(50):
        handler(event("rows", 1.0), None)
    assert lines == []


def test_lines_have_ids_of_their_own(handler, lines, clock):
    """So that whoever adds them up knows one that came twice."""
    for _ in range(2):
        clock.advance(60)
        handler(event("rows", 1.0), None)
    assert len({line["id"] for line in lines}) == 2


def test_refused_requests_and_other_models_are_not_counted(handler, lines, clock):
    """What no model answered is no observation of one."""
    handler(event("log", 1.0), None)
    handler(event("rows", "none"), None)
    clock.advance(60)
    handler(event("log", 1.0), None)
    assert lines == []


def test_golden_cases_are_nobodys_requests(handler, lines, clock):
    """A release that is verified does not begin with drift."""
    handler(event("rows", 1.0), None)
    handler({"falaj": "verify"}, None)
    clock.advance(60)
    handler(event("rows", -1.0), None)
    assert lines[0]["rows"] == 1


def test_a_reference_that_was_altered_keeps_the_function_from_starting(service, root):
    """The manifest's signature covers it."""
    (root / "rows" / "1" / "drift.json").write_text("{}")
    with pytest.raises(ArtefactError, match=r"its drift.json has sha256"):
        Drift(service, str(root))


def test_counting_is_off_unless_it_is_asked_for(service):
    """One attribute is looked at, and nothing is kept."""
    assert [model.drift for model in service.repository.loaded()] == [None, None]


def test_counters_are_those_of_the_tensors(service, root):
    """Batches and outputs, as the engine gives them."""
    Drift(service, str(root))
    model = service.repository.model("rows")
    rows = np.ones((4, 30), np.float32)
    rows[0] = np.nan
    names = ("is_positive",)
    model.drift.count({"x": rows}, names, model.engine.run({"x": rows}, names))
    counts, number = model.drift.take()
    assert (number, counts[0], sum(counts[1])) == (4, [0, 3, 1], 4)
