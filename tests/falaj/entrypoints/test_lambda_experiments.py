"""Sticky experiments in a function: who answers, what the caller sees, what is logged."""

import base64
import gzip
import json
from datetime import UTC, datetime, timedelta

import pytest

from falaj.config.settings import Settings
from falaj.engines.onnx import OnnxEngine
from falaj.engines.repository import ModelRepository
from falaj.entrypoints.lambda_events import request_of
from falaj.entrypoints.lambda_experiments import REFRESH, Experiments, claims_of
from falaj.entrypoints.lambda_inference import LambdaInference
from falaj.errors import DependencyError
from falaj.experiments import Allocation, Namespace, SubjectSource, Where, assign
from falaj.experiments.live import LiveExperiment, LiveExperiments, Promotion
from falaj.experiments.subject import pseudonym
from falaj.http.service import Service
from tests.falaj import onnx_models

KEY = b"0123456789abcdef0123456789abcdef"
HEADER = SubjectSource(where=Where.HEADER, name="X-User")
SPLIT = Allocation.even_keeled("greeting", {"a": 0.4, "b": 0.3, "c": 0.3})
GREETING = LiveExperiment(allocation=SPLIT, subject=HEADER, versions={"b": 2, "c": 3})


class Parameter:
    """What SSM holds, and whether it answers; as strict as the adapter."""

    def __init__(self, *experiments, **rest):
        self.live = LiveExperiments(sticky=experiments, **rest)
        self.is_dark = False
        self.reads = 0

    def read(self):
        """Answer as `LiveExperimentsParameter.read_named` does."""
        self.reads += 1
        if self.is_dark:
            raise DependencyError(service="ssm", doing="give it", reason="dark")
        return LiveExperiments.from_json(self.live.to_json())


@pytest.fixture(scope="session")
def three(tmp_path_factory):
    """One model in three versions that answer differently."""
    root = tmp_path_factory.mktemp("three")
    for version in (1, 2, 3):
        onnx_models.write_version(root, "rows", version, onnx_models.linear(seed=version))
    repository = ModelRepository.from_folder(
        root,
        make_engine=lambda manifest, content: OnnxEngine(name=manifest.name, model=content),
        defaults={"rows": 1},
    )
    return Service(repository=repository, release="12")


@pytest.fixture
def started(three):
    """Start a function on what a parameter holds; return it with its lines."""

    def start(parameter, *, packaged=(1, 2, 3), key=KEY):
        lines = []
        experiments = Experiments(
            model="rows",
            own_version=1,
            packaged=frozenset(packaged),
            read=parameter.read,
            derive_key=lambda: key,
        )
        settings = Settings(model_root="models", model_name="rows", release="12")
        handler = LambdaInference(
            three,
            settings,
            write=lambda text: lines.append(json.loads(text)),
            experiments=experiments,
        )
        return handler, lines

    return start


def _event(*, path="/v2/models/rows/infer", headers=None, context=None, **more):
    row = {"name": "x", "shape": [1, 30], "datatype": "FP32", "data": [0.5] * 30}
    body = json.dumps({"inputs": [row], **more})
    gateway = {"stage": "$default", "requestId": "gw-1", "http": {"method": "POST"}}
    return {
        "version": "2.0",
        "rawPath": path,
        "headers": headers or {},
        "requestContext": gateway | (context or {}),
        "body": body,
    }


def _version(result):
    return int(json.loads(result["body"])["model_version"])


SUBJECTS = [f"user-{number}" for number in range(60)]
VERSION = {"a": 1, "b": 2, "c": 3}


def test_a_subject_gets_its_arm_in_process_every_time(started):
    """All three arms answer, each subject by the arm that the hash gives it."""
    handler, _ = started(Parameter(GREETING))

    for subject in SUBJECTS * 2:
        arm = assign(SPLIT, subject).arm
        result = handler(_event(headers={"x-user": subject}))
        assert result["headers"]["x-falaj-variant"] == arm
        assert result["headers"]["x-falaj-experiment"] == "greeting"
        named = {"experiment": "greeting", "variant": arm}
        assert json.loads(result["body"])["parameters"] == named
        assert _version(result) == VERSION[arm]
    assert {assign(SPLIT, subject).arm for subject in SUBJECTS} == set(VERSION)


def test_an_exposure_names_nobody(started):
    """The line holds what the analysis needs, and a pseudonym instead of the subject."""
    handler, lines = started(Parameter(GREETING))

    handler(_event(headers={"x-user": "سارة", "x-request-id": "r-1", "x-falaj-covariate": "3.5"}))

    (line,) = lines
    assert line["experiment_id"] == "greeting"
    assert line["variant"] == assign(SPLIT, "سارة").arm
    assert line["unit"] == pseudonym("سارة", KEY)
    assert (line["inference_id"], line["request_id"]) == ("r-1", "r-1")
    assert (line["covariate"], line["release"]) == (3.5, "12")
    assert "سارة" not in json.dumps(line, ensure_ascii=False)


@pytest.mark.parametrize("text", ["", "many", "nan", "inf"])
def test_a_covariate_that_is_no_number_is_left_out(started, text):
    """A client's slip costs its covariate, not its exposure."""
    handler, lines = started(Parameter(GREETING))

    handler(_event(headers={"x-user": "u", "x-falaj-covariate": text}))

    assert lines[0]["experiment_id"] == "greeting"
    assert "covariate" not in lines[0]


@pytest.mark.parametrize(
    ("headers", "reason"),
    [
        ({}, "subject_missing"),
        ({"x-user": " "}, "subject_empty"),
        ({"x-user": "a,b"}, "subject_ambiguous"),
    ],
)
def test_without_a_subject_the_control_answers_and_nobody_is_exposed(started, headers, reason):
    """A request that names nobody is served and counted, and not analysed."""
    handler, lines = started(Parameter(GREETING))

    result = handler(_event(headers=headers))

    assert _version(result) == 1
    assert "x-falaj-experiment" not in result["headers"]
    assert "parameters" not in json.loads(result["body"])
    assert lines[0]["unassigned"] == reason
    assert lines[0]["experiment_id"] is None
    assert "unit" not in lines[0]


def test_a_named_version_bypasses_assignment(started):
    """Who asks for a version gets it, whatever the experiment says."""
    handler, lines = started(Parameter(GREETING))
    in_c = next(subject for subject in SUBJECTS if assign(SPLIT, subject).arm == "c")

    path = "/v2/models/rows/versions/2/infer"
    result = handler(_event(path=path, headers={"x-user": in_c}))

    assert _version(result) == 2
    assert result["headers"]["x-falaj-variant"] == "2"
    assert lines[0]["experiment_id"] is None


def test_an_override_gets_its_arm_and_is_not_analysed(started):
    """A tester sees the arm she is listed for; nobody unlisted can choose."""
    allocation = Allocation.even_keeled("greeting", {"a": 0.5, "b": 0.5}, overrides={"tester": "b"})
    live = LiveExperiment(allocation=allocation, subject=HEADER, versions={"b": 2})
    handler, lines = started(Parameter(live))

    result = handler(_event(headers={"x-user": "tester"}))

    assert (_version(result), result["headers"]["x-falaj-variant"]) == (2, "b")
    assert lines[0]["experiment_id"] is None
    assert "unit" not in lines[0]


def test_the_subject_may_be_a_parameter(started):
    """JSON `parameters` name the subject, compressed or not, for the body's own sake only."""
    source = SubjectSource(where=Where.PARAMETER, name="user")
    handler, lines = started(
        Parameter(LiveExperiment(allocation=SPLIT, subject=source, versions={"b": 2, "c": 3}))
    )
    plain = _event(parameters={"user": "user-7"})
    packed = plain | {
        "headers": {"content-encoding": "gzip"},
        "body": base64.b64encode(gzip.compress(plain["body"].encode())).decode(),
        "isBase64Encoded": True,
    }

    answered = {_version(handler(event)) for event in (plain, packed)}

    assert answered == {VERSION[assign(SPLIT, "user-7").arm]}
    assert len({line["unit"] for line in lines}) == 1
    assert handler(plain | {"body": "{"})["statusCode"] == 400
    assert lines[-1]["unassigned"] == "subject_missing"


@pytest.mark.parametrize(
    "authorizer",
    [
        {"jwt": {"claims": {"sub": "user-7"}, "scopes": None}},
        {"lambda": {"sub": "user-7"}},
        {"claims": {"sub": "user-7"}},
        {"sub": "user-7", "principalId": "p", "integrationLatency": 3},
        {"subject": "user-7", "tenant": "t", "scopes": "", "expires": "1", "principalId": "p"},
        {"subject": "app", "named_claims": '{"sub":"user-7"}', "tenant": "t", "expires": "1"},
    ],
)
def test_the_subject_may_be_a_claim(started, authorizer):
    """Every kind of authorizer's verified claims are read where API Gateway puts them."""
    source = SubjectSource(where=Where.CLAIM, name="sub")
    handler, lines = started(
        Parameter(LiveExperiment(allocation=SPLIT, subject=source, versions={"b": 2, "c": 3}))
    )

    handler(_event(context={"authorizer": authorizer}))

    assert lines[0]["unit"] == pseudonym("user-7", KEY)


@pytest.mark.parametrize("event", [{}, {"requestContext": None}, {"requestContext": {}}])
def test_without_an_authorizer_there_are_no_claims(event):
    """Nothing that a caller writes itself is taken for a claim."""
    assert claims_of(event | {"headers": {"sub": "forged"}}) == {}


def test_a_release_without_an_arm_takes_no_part_in_it(started):
    """Half an experiment is a biased one: while a release lacks an arm, it serves its own."""
    handler, lines = started(Parameter(GREETING), packaged=(1, 2))

    assert {_version(handler(_event(headers={"x-user": s}))) for s in SUBJECTS[:20]} == {1}
    assert {line["unassigned"] for line in lines} == {"arm_not_packaged"}


def test_what_runs_is_read_twice_a_minute_and_survives_darkness(three):
    """SSM going dark changes nothing; nothing known means the control and no exposure."""
    parameter = Parameter(GREETING)
    parameter.is_dark = True
    now = datetime(2026, 11, 22, tzinfo=UTC)
    experiments = Experiments(
        model="rows",
        own_version=1,
        packaged=frozenset({1, 2, 3}),
        read=parameter.read,
        derive_key=lambda: KEY,
    )
    in_b = next(subject for subject in SUBJECTS if assign(SPLIT, subject).arm == "b")

    def ask(at):
        event = _event(headers={"x-user": in_b})
        return experiments.answer(event, request_of(event), three, at).headers["x-falaj-variant"]

    assert ask(now) == "1"
    assert experiments.taken() == {}
    parameter.is_dark = False
    assert ask(now + REFRESH / 2) == "1"
    assert ask(now + REFRESH) == "b"
    parameter.is_dark = True
    assert ask(now + 3 * REFRESH) == "b"
    for second in range(29):
        ask(now + 3 * REFRESH + timedelta(seconds=second))
    assert parameter.reads == 3


def test_without_a_key_nobody_takes_part(started):
    """Whoever cannot be named by a pseudonym is not assigned, rather than logged by name."""
    handler, lines = started(Parameter(GREETING), key=b"")

    handler(_event(headers={"x-user": "user-1"}))

    assert lines[0]["experiment_id"] is None


def test_a_refused_event_leaves_nothing_of_the_one_before(started):
    """A line tells of its own request only."""
    handler, lines = started(Parameter(GREETING))

    handler(_event(headers={"x-user": "user-1"}))
    handler({})

    assert lines[0]["unit"]
    assert "unit" not in lines[1]


def test_an_error_of_an_arm_is_an_exposure(started):
    """Who was assigned counts, whether the arm answered well or not."""
    handler, lines = started(Parameter(GREETING))
    event = _event(headers={"x-user": "user-1"})
    event["body"] = json.dumps({"inputs": []})

    result = handler(event)

    assert result["statusCode"] == 400
    assert lines[0]["experiment_id"] == "greeting"
    assert result["headers"]["x-falaj-variant"] == lines[0]["variant"]


def test_a_promoted_arm_answers_everyone_until_the_next_release(started):
    """A winner serves; a release that moved on by itself is not overridden by old news."""
    promoted, _ = started(Parameter(promotion=Promotion(version=3, instead_of=1)))
    moved_on, _ = started(Parameter(promotion=Promotion(version=3, instead_of=7)))

    assert _version(promoted(_event(headers={"x-user": "u"}))) == 3
    assert _version(moved_on(_event(headers={"x-user": "u"}))) == 1


def test_experiments_of_one_namespace_never_share_a_subject(started):
    """Two experiments side by side: every subject is in one at most, by its place alone."""
    parts = {"left": (0.0, 0.5), "right": (0.5, 1.0)}
    lives = [
        LiveExperiment(
            allocation=Allocation.even_keeled(
                name,
                {"a": 0.5, "b": 0.5},
                namespace=Namespace(name="page", start=start, end=end),
            ),
            subject=HEADER,
            versions={"b": 2},
        )
        for name, (start, end) in parts.items()
    ]
    handler, lines = started(Parameter(*lives))

    for subject in SUBJECTS * 2:
        handler(_event(headers={"x-user": subject}))

    by_unit = {}
    for line in lines:
        by_unit.setdefault(line["unit"], set()).add(line["experiment_id"])
    assert all(len(found) == 1 for found in by_unit.values())
    assert {next(iter(found)) for found in by_unit.values()} == {"left", "right"}
