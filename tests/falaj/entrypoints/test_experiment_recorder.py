"""What CloudWatch Logs delivers becomes exposures: once, of the right arm, and nothing else."""

import base64
import gzip
import json
from datetime import UTC, datetime, timedelta

import pytest

from falaj.aws.experiment_log import ExperimentLog
from falaj.aws.live_experiments import LiveExperimentsParameter
from falaj.entrypoints.experiment_recorder import ExperimentRecorder
from falaj.errors import DependencyError, MalformedRequestError
from falaj.experiments.announcing import AHEAD
from falaj.experiments.live import LiveExperiments, LiveSplit
from falaj.telemetry.emf import OutcomeLog
from falaj.telemetry.outcome import Ending, Outcome
from tests.falaj.experiment_region import BUCKET, experiment_region, keys

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)


class At:
    """A clock that is set."""

    def __init__(self):
        self.at = NOW

    def now(self):
        """Tell the time."""
        return self.at


@pytest.fixture
def region():
    """An empty account."""
    with experiment_region() as opened:
        yield opened


@pytest.fixture
def clock():
    """A clock that is set."""
    return At()


@pytest.fixture
def written():
    """What the recorder logs itself."""
    return []


@pytest.fixture
def recorder(region, clock, written):
    """A recorder on the account."""
    return ExperimentRecorder(
        ExperimentLog(region.client("s3"), BUCKET),
        LiveExperimentsParameter(region.client("ssm")),
        clock=clock,
        write=lambda text: written.append(json.loads(text)),
    )


def line(number, *, release="12", at=NOW, ending=Ending.OK, operation="infer", **keys):
    """Write a line as model functions do."""
    outcome = Outcome(ending=ending, operation=operation, model="rows", version="1")
    log = OutcomeLog(model="rows", release=release, level="INFO")
    known = {"request_id": f"r-{number}", "experiment_id": None, **keys}
    return log.line(outcome, at=at, latency_ns=5, is_cold=False, keys=known)


def exposed(number, **rest):
    """Write the line of a sticky exposure."""
    keys = {"experiment_id": "greeting", "variant": "b", "unit": f"unit-{number}"}
    return line(number, **keys, inference_id=f"r-{number}", **rest)


def delivery(*messages, kind="DATA_MESSAGE"):
    """Pack log events as a subscription delivers them."""
    value = {
        "messageType": kind,
        "owner": "123456789012",
        "logGroup": "predict",
        "logStream": "2026/11/22/[12]abc",
        "subscriptionFilters": ["exposures"],
        "logEvents": [
            {"id": str(index), "timestamp": 1, "message": message}
            for index, message in enumerate(messages)
        ],
    }
    packed = gzip.compress(json.dumps(value).encode())
    return {"awslogs": {"data": base64.b64encode(packed).decode()}}


def _read(region, experiment="greeting"):
    log = ExperimentLog(region.client("s3"), BUCKET)
    return list(log.exposures("rows", experiment, NOW - timedelta(days=1)))


def test_exposures_are_kept(recorder, region):
    """Each line of a sticky experiment is an exposure with all that the analysis needs."""
    result = recorder(delivery(exposed(1, covariate=2.5), exposed(2), line(3)))

    assert result == {"exposures": 2, "malformed": 0}
    first, second = sorted(_read(region), key=lambda found: found.unit)
    assert (first.unit, first.arm, first.inference_id) == ("unit-1", "b", "r-1")
    assert (first.at, first.covariate, first.release) == (NOW.timestamp(), 2.5, "12")
    assert second.covariate is None


def test_a_delivery_that_comes_again_changes_nothing(recorder, region):
    """Delivery is at least once; the log is exactly once."""
    event = delivery(exposed(1), exposed(2))

    for _ in range(3):
        recorder(event)

    assert len(keys(region)) == 1
    assert len(_read(region)) == 2


def test_what_had_failed_is_taken_from_its_record(recorder, region):
    """A message of the queue of failures is invoked with as it is, and nothing is lost."""
    record = {"version": "1.0", "requestPayload": delivery(exposed(1)), "responsePayload": {}}

    assert recorder(record)["exposures"] == 1
    assert len(_read(region)) == 1


def test_a_split_is_read_off_the_release(recorder, region):
    """Lambda chose the release, so the release is the arm; what came before does not count."""
    split = LiveSplit(key="page", arms={"12": "a", "13": "b"}, since=NOW.timestamp())
    LiveExperimentsParameter(region.client("ssm")).write("rows", LiveExperiments(split=split))

    recorder(
        delivery(
            line(1),
            line(2, release="13"),
            line(3, release="13", ending=Ending.ERROR),
            line(4, release="11"),
            line(5, at=NOW - timedelta(seconds=1)),
            line(6, operation="model_ready"),
        )
    )

    found = {(e.inference_id, e.unit, e.arm) for e in _read(region, "page")}
    assert found == {("r-1", "r-1", "a"), ("r-2", "r-2", "b"), ("r-3", "r-3", "b")}


def test_lines_that_come_after_the_end_still_count(recorder, region):
    """Logs may be hours late; what was answered while the split ran is part of it, no more."""
    split = LiveSplit(key="page", arms={"12": "a", "13": "b"}, since=NOW.timestamp())
    over = LiveExperiments(split=split).without("page", at=NOW.timestamp() + 60)
    LiveExperimentsParameter(region.client("ssm")).write("rows", over)

    recorder(
        delivery(
            line(1, at=NOW + timedelta(seconds=59)),
            line(2, at=NOW + timedelta(seconds=60), release="13"),
            line(3, at=NOW - timedelta(seconds=1)),
        )
    )

    assert [(e.inference_id, e.arm) for e in _read(region, "page")] == [("r-1", "a")]


def test_no_first_exposure_of_a_split_is_lost(recorder, region, clock):
    """A recorder that has just looked takes every line from the split's first moment on."""
    asked = []
    region.client("ssm").meta.events.register(
        "before-call.ssm.GetParameter", lambda **_: asked.append(1)
    )
    parameter = LiveExperimentsParameter(region.client("ssm"))
    since = NOW + timedelta(seconds=1) + AHEAD
    for tenth in range(100):
        clock.at = NOW + timedelta(seconds=tenth / 10)
        if tenth == 10:
            split = LiveSplit(key="page", arms={"12": "a"}, since=since.timestamp())
            parameter.write("rows", LiveExperiments(split=split))
        recorder(delivery(line(tenth, at=clock.at)))

    shown = sorted(int(found.inference_id[2:]) for found in _read(region, "page"))
    assert shown == list(range(50, 100))
    assert len(asked) == 5


def test_unassigned_requests_are_counted_by_reason(recorder, region, written):
    """Somebody who forgot to send the header finds out from a metric."""
    recorder(delivery(*(line(n, unassigned="subject_missing") for n in range(3)), exposed(4)))

    (told,) = written
    assert told["Unassigned"] == 3
    assert (told["Model"], told["Reason"]) == ("rows", "subject_missing")
    assert told["_aws"]["CloudWatchMetrics"][0]["Dimensions"] == [["Model", "Reason"]]
    assert len(_read(region)) == 1


@pytest.mark.parametrize("foreign", ["START RequestId: 1", "{", "[]", '{"Model": "rows"}', "7"])
def test_foreign_lines_are_no_exposures(recorder, region, foreign):
    """Whatever else a function prints stops nothing."""
    result = recorder(delivery(foreign, exposed(1)))

    assert result["exposures"] == 1
    assert len(_read(region)) == 1


def test_a_torn_exposure_is_counted(recorder):
    """A line that claims to be an exposure and lacks a part is told of."""
    torn = json.loads(exposed(1)) | {"variant": None}

    assert recorder(delivery(json.dumps(torn))) == {"exposures": 0, "malformed": 1}


def test_a_control_message_is_answered(recorder, region):
    """CloudWatch Logs asks now and then whether anybody is there."""
    assert recorder(delivery(exposed(1), kind="CONTROL_MESSAGE"))["exposures"] == 0
    assert keys(region) == []


@pytest.mark.parametrize(
    "event", [{}, {"awslogs": {}}, {"awslogs": {"data": "%"}}, {"awslogs": {"data": "aGk="}}]
)
def test_what_is_no_delivery_is_refused(recorder, event):
    """Somebody invoking the function by hand is told what it takes."""
    with pytest.raises(MalformedRequestError, match="delivery"):
        recorder(event)


def test_a_dark_bucket_makes_cloudwatch_deliver_again(region):
    """The function fails rather than lose an exposure."""
    dark = ExperimentRecorder(
        ExperimentLog(region.client("s3"), "no-such-bucket"),
        LiveExperimentsParameter(region.client("ssm")),
    )

    with pytest.raises(DependencyError):
        dark(delivery(exposed(1)))
