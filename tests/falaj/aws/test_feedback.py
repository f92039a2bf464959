"""Feedback over HTTP: late, repeated, reordered, of unknown inferences; kept once, never lost."""

import asyncio
import json
import random
from datetime import UTC, datetime, timedelta

import pytest
from mangum import Mangum

from falaj.aws.experiment_log import ExperimentLog
from falaj.aws.feedback_store import AT_ONCE, FeedbackStore
from falaj.contract import EXPIRY_ATTRIBUTE
from falaj.domain.openapi import document
from falaj.domain.published import PublishedModel
from falaj.domain.signature import ModelSignature
from falaj.domain.tensors import Datatype, TensorSpec
from falaj.experiments.feedback import MOST_BYTES, MOST_OUTCOMES
from falaj.experiments.records import Outcome
from falaj.http.platform_app import platform_app
from tests.falaj.experiment_region import BUCKET, FEEDBACK, experiment_region, keys

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
SPEC = (TensorSpec(name="x", datatype=Datatype.FP32, shape=(1,)),)
MODELS = tuple(
    PublishedModel(
        name=name,
        version=1,
        versions=(1,),
        signature=ModelSignature(inputs=SPEC, outputs=SPEC),
        takes_feedback=name != "quiet",
    )
    for name in ("rows", "words", "quiet")
)


class At:
    """A clock that is set."""

    at = NOW

    def now(self):
        """Tell the time."""
        return self.at


@pytest.fixture
def region():
    """An empty account."""
    with experiment_region() as opened:
        yield opened


@pytest.fixture
def log(region):
    """Where outcomes are read from."""
    return ExperimentLog(region.client("s3"), BUCKET)


@pytest.fixture
def clock():
    """A clock that is set."""
    return At()


@pytest.fixture
def tell(region, log, clock):
    """Post feedback as API Gateway hands it on; return status and body."""
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    store = FeedbackStore(region.client("dynamodb"), FEEDBACK, log)
    handler = Mangum(platform_app(MODELS, take_feedback=store.take, clock=clock), lifespan="off")

    def post(body, *, model="rows"):
        path = f"/v2/models/{model}/feedback"
        event = {
            "version": "2.0",
            "rawPath": path,
            "rawQueryString": "",
            "headers": {"host": "api.example", "content-type": "application/json"},
            "requestContext": {
                "stage": "$default",
                "http": {"method": "POST", "path": path, "sourceIp": "192.0.2.1"},
            },
            "body": body if isinstance(body, str) else json.dumps(body),
            "isBase64Encoded": False,
        }
        result = handler(event, None)
        return result["statusCode"], json.loads(result["body"])

    yield post
    asyncio.set_event_loop(None)
    loop.close()


def clicked(number, **rest):
    """One outcome as a caller writes it."""
    return {"inference_id": f"r-{number}", "metric": "clicked", "value": True, **rest}


def kept(log):
    """Every outcome of the model that an analysis would read."""
    return sorted(log.outcomes("rows", NOW - timedelta(days=1)), key=lambda o: o.inference_id)


def counts(accepted=0, duplicates=0, conflicts=0):
    """Write the answer's body."""
    return {"accepted": accepted, "duplicates": duplicates, "conflicts": conflicts}


def test_every_kind_of_value_is_kept(tell, log):
    """A truth value, a number and a label, one or many at a time."""
    values = [True, False, 3, -2.5, "spam"]

    assert tell(clicked(0, value=True)) == (202, counts(accepted=1))
    told = [clicked(n, value=value) for n, value in enumerate(values[1:], 1)]
    assert tell(told) == (202, counts(accepted=4))

    assert [(o.value, type(o.value)) for o in kept(log)] == [
        (True, bool),
        (False, bool),
        (3.0, float),
        (-2.5, float),
        ("spam", str),
    ]


def test_telling_again_changes_nothing(tell, log):
    """A client that retries, in whatever company, is told so and doubles nothing."""
    told = [clicked(n) for n in range(12)]
    assert tell(told) == (202, counts(accepted=12))

    again = random.Random(1).sample(told, k=12)
    assert tell(again) == (202, counts(duplicates=12))
    assert tell([*told[:3], clicked(99)]) == (202, counts(accepted=1, duplicates=3))

    assert len(kept(log)) == 13


def test_an_id_tells_two_outcomes_of_one_metric_apart(tell, log):
    """Two purchases after one answer are two outcomes; the same purchase is one."""
    tell([clicked(1, id="order-1", value=10), clicked(1, id="order-2", value=20)])

    assert tell(clicked(1, id="order-2", value=20)) == (202, counts(duplicates=1))
    assert sorted(o.value for o in kept(log)) == [10.0, 20.0]


def test_what_was_told_first_stays(tell, log):
    """Nobody rewrites an experiment's outcomes afterwards."""
    tell(clicked(1, value=True))

    assert tell(clicked(1, value=False)) == (202, counts(conflicts=1))
    assert tell(clicked(1, value="True")) == (202, counts(conflicts=1))
    assert [o.value for o in kept(log)] == [True]


def test_a_repetition_within_one_call_counts_once(tell, log):
    """A list that says a thing twice says it once."""
    assert tell([clicked(1), clicked(1)])[1] == counts(accepted=1, duplicates=1)
    assert len(kept(log)) == 1


def test_late_outcomes_and_unknown_inferences_are_kept(tell, log, clock):
    """Days later, or before its exposure has arrived: nothing is lost."""
    tell(clicked(1, at="2026-11-22T10:00:00+04:00"))
    clock.at = NOW + timedelta(days=40)
    tell(clicked(2, at=NOW.timestamp()))

    first, second = kept(log)
    assert first.at == datetime(2026, 11, 22, 6, tzinfo=UTC).timestamp()
    assert second.at == NOW.timestamp()


def test_without_at_it_happened_now(tell, log):
    """A caller without a clock may leave the instant out."""
    tell(clicked(1))

    assert [o.at for o in kept(log)] == [NOW.timestamp()]


def test_models_do_not_meet(tell, log):
    """The same inference id at another model is another inference."""
    tell(clicked(1))

    assert tell(clicked(1), model="words") == (202, counts(accepted=1))
    assert len(kept(log)) == 1


def test_a_crash_between_table_and_log_is_made_good(region, log):
    """Put down, not yet logged, the process gone: the client's retry logs it."""
    outcome = Outcome(inference_id="r-1", metric="clicked", value=True, at=NOW.timestamp())
    dark = ExperimentLog(region.client("s3"), "no-such-bucket")
    dynamodb = region.client("dynamodb")

    with pytest.raises(Exception, match="take outcomes"):
        FeedbackStore(dynamodb, FEEDBACK, dark).take("rows", [outcome], NOW)
    taken = FeedbackStore(dynamodb, FEEDBACK, log).take("rows", [outcome], NOW)

    assert (taken.accepted, taken.duplicates) == (0, 1)
    assert kept(log) == [outcome]
    FeedbackStore(dynamodb, FEEDBACK, log).take("rows", [outcome], NOW)
    assert len(keys(region, "outcomes/")) == 1


def test_the_table_forgets_after_four_months(tell, region):
    """Items expire after the longest lateness, so the table does not grow for ever."""
    tell(clicked(1))

    (item,) = region.client("dynamodb").scan(TableName=FEEDBACK)["Items"]
    assert int(item[EXPIRY_ATTRIBUTE]["N"]) == (NOW + timedelta(days=120)).timestamp()


def test_a_dark_table_is_ours_to_mend(region, log):
    """The caller gets a 5xx and may tell it again."""
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    store = FeedbackStore(region.client("dynamodb"), "NoSuchTable", log)
    handler = Mangum(platform_app(MODELS, take_feedback=store.take, clock=At()), lifespan="off")
    path = "/v2/models/rows/feedback"
    context = {"http": {"method": "POST", "path": path, "sourceIp": "192.0.2.1"}, "stage": "s"}
    event = {
        "version": "2.0",
        "rawPath": path,
        "rawQueryString": "",
        "headers": {},
        "requestContext": context,
        "body": json.dumps(clicked(1)),
    }

    result = handler(event, None)

    asyncio.set_event_loop(None)
    loop.close()
    assert result["statusCode"] == 500
    assert json.loads(result["body"])["code"] == "dependency"


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        ("{", "not JSON"),
        ("[" * 5_000, "not JSON"),
        ([], "is empty"),
        ("7", "write an object"),
        ({"metric": "m", "value": 1}, "inference_id is missing"),
        (clicked(1, inference_id="a b"), "inference_id is the x-request-id"),
        (clicked(1, inference_id="a" * 129), "inference_id is the x-request-id"),
        (clicked(1, metric=""), "metric is a name"),
        (clicked(1, metric=3), "metric is a name"),
        (clicked(1, value=None), "value is a number"),
        (clicked(1, value=[1]), "value is a number"),
        (clicked(1, value=2**53), "value is a number"),
        ('{"inference_id": "r", "metric": "m", "value": NaN}', "value is a number"),
        (clicked(1, value="x" * 257), "value is a number"),
        (clicked(1, id=5), "id is printable text"),
        (clicked(1, id="a\nb"), "id is printable text"),
        (clicked(1, at="yesterday"), "at is seconds"),
        (clicked(1, at="2026-11-22T12:00:00"), "with its time zone"),
        (clicked(1, at=True), "at is seconds"),
        (clicked(1, at=1e300), "at is seconds"),
        (clicked(1, at=NOW.timestamp() + 301), "5 minutes in the future"),
        (clicked(1, at=NOW.timestamp() - 91 * 86_400), "90 days back"),
        (clicked(1, reward=1), "unknown key 'reward'"),
    ],
)
def test_what_is_no_feedback_is_refused_with_a_reason(tell, log, body, sentence):
    """Bad input is told what to do, and nothing of it is kept."""
    status, answer = tell(body)

    assert (status, answer["code"]) == (400, "malformed_request")
    assert sentence in answer["error"]
    assert kept(log) == []


def test_all_faults_are_told_and_nothing_is_half_taken(tell, log):
    """A list with two bad outcomes names both and keeps none of the good ones."""
    status, answer = tell([clicked(1), clicked(2, value=None), clicked(3, at="x")])

    assert status == 400
    assert answer["error"].startswith("outcome 2: value is")
    assert "outcome 3: at is" in answer["error"]
    assert kept(log) == []


def test_many_faults_do_not_flood_the_answer(tell):
    """A hundred faults are ten sentences and a count."""
    status, answer = tell([{}] * 100)

    assert status == 400
    assert answer["error"].endswith("and 90 more")


def test_too_much_at_once_is_refused(tell, log):
    """Size and number are bounded, and the sentence says how to go on."""
    many = tell([clicked(n) for n in range(MOST_OUTCOMES + 1)])
    large = tell("[" + " " * MOST_BYTES + "]")

    for status, answer in (many, large):
        assert (status, answer["code"]) == (413, "payload_too_large")
    assert "several calls" in many[1]["error"]
    assert kept(log) == []


def test_the_largest_call_is_taken(tell, log):
    """A hundred outcomes go through together, a few at a time."""
    assert MOST_OUTCOMES > AT_ONCE
    assert tell([clicked(n) for n in range(MOST_OUTCOMES)]) == (202, counts(accepted=100))
    assert len(kept(log)) == MOST_OUTCOMES


def test_an_unknown_model_is_unknown(tell):
    """Feedback goes to models that have experiments."""
    assert tell(clicked(1), model="nobody")[0] == 404
    assert tell(clicked(1), model="quiet")[0] == 404


def test_without_experiments_there_is_no_feedback():
    """Where nothing could keep it, the route is not there; where no model asks, not described."""
    paths = {route.path for route in platform_app(MODELS).routes}
    described = {path for path in document(MODELS)["paths"] if "feedback" in path}

    assert "/v2/models/{model}/feedback" not in paths
    assert described == {"/v2/models/rows/feedback", "/v2/models/words/feedback"}
