"""The watch keeps counts, judges windows that have ended, and tells; it acts on nothing."""

import base64
import gzip
import json

import numpy as np
import pytest

from falaj.aws.drift_events import DriftEvents
from falaj.aws.drift_store import DriftStore
from falaj.contract import drift_report_key
from falaj.drift.counting import Counters
from falaj.drift.page import page
from falaj.entrypoints.drift_watch import GRACE_S, DriftWatch, Known, read_references
from falaj.errors import ControllerError, DependencyError, MalformedRequestError
from tests.falaj.clocks import NOON, StandingClock
from tests.falaj.drift.references import reference_of
from tests.falaj.experiment_region import BUCKET, experiment_region

DIGEST = "d" * 64
HOUR = 3600
START = int(NOON.timestamp())
KEY = ("input", "x")


class Heard:
    """An EventBridge that keeps what it takes; or that is dark."""

    def __init__(self):
        self.details, self.is_dark = [], False

    def put_events(self, Entries):  # noqa: N803 - boto3's own
        """Take events as the service does."""
        if self.is_dark:
            return {"FailedEntryCount": 1, "Entries": [{"ErrorCode": "InternalFailure"}]}
        self.details += [json.loads(entry["Detail"]) for entry in Entries]
        return {"FailedEntryCount": 0, "Entries": [{"EventId": "e"} for _ in Entries]}


@pytest.fixture(scope="module")
def reference():
    """Five features of 500 rows."""
    return reference_of(np.random.default_rng(1).normal(size=(500, 5)).astype(np.float32))


@pytest.fixture
def s3():
    """An account with an empty bucket."""
    with experiment_region() as opened:
        yield opened.client("s3")


@pytest.fixture
def store(s3):
    """The bucket of counts."""
    return DriftStore(s3, BUCKET)


@pytest.fixture
def clock():
    """A clock that is moved by hand."""
    return StandingClock()


@pytest.fixture
def heard():
    """Who listens."""
    return Heard()


@pytest.fixture
def watch(reference, store, heard, clock, lines):
    """A watch over one version."""
    known = (Known(reference=reference, digest=DIGEST),)
    return DriftWatch(known, store, DriftEvents(heard), clock=clock, write=lines.write)


def delivery(*lines):
    """Pack lines as CloudWatch Logs does."""
    events = [{"id": "0", "timestamp": 0, "message": json.dumps(line)} for line in lines]
    packed = gzip.compress(
        json.dumps({"messageType": "DATA_MESSAGE", "logEvents": events}).encode()
    )
    return {"awslogs": {"data": base64.b64encode(packed).decode()}}


def line(reference, window, *, shift=0.0, rows=300, reference_digest=DIGEST, **changes):
    """Write what a function leaves of some rows within a window."""
    rng = np.random.default_rng([window, rows])
    values = rng.normal(size=(rows, 5)).astype(np.float32)
    values[:, 0] += shift
    counters = Counters(reference, {KEY: 5}, {KEY: "float32"})
    counters.count({"x": values}, (), ())
    counts, _ = counters.take()
    until = START + window * HOUR + 120
    return {
        "message": "drift",
        "model_name": "m",
        "release": "12",
        "reference": reference_digest,
        "id": f"a-{window}",
        "since": until - 60,
        "until": until,
        "rows": rows,
        "counts": counts,
        **changes,
    }


def after_window(clock, window):
    """Let a window end, and its lines arrive."""
    clock.at = NOON
    clock.advance((window + 1) * HOUR + GRACE_S)


def test_two_shifted_windows_are_told_once(watch, reference, store, heard, clock, lines):
    """People by a metric, machines by an event, whoever looks by a report; then no more."""
    for window in range(3):
        watch(delivery(line(reference, window, shift=1.0)))
    after_window(clock, 2)
    verdict = watch({"source": "aws.events"})
    watch({"source": "aws.events"})
    assert verdict == {"verdicts": {"m 1": "drifted"}}
    (told,) = heard.details
    assert (told["state"], told["before"], told["drifted"]) == ("drifted", None, ["x0"])
    metrics = [each["DriftedFeatures"] for each in lines if "DriftedFeatures" in each]
    assert (metrics, lines[-1]["Model"], lines[-1]["DriftPsi"] > 0.1) == ([1, 1], "m", True)
    report = json.loads(store.report("m", 1, "json"))
    assert [each["rows"] for each in report["windows"]] == [300, 300, 300]
    assert '<bdi dir="auto">x0</bdi>' in store.report("m", 1, "html")


def test_what_is_over_is_told_too(watch, reference, heard, clock):
    """The model was retrained, or who asks was mended."""
    for window in range(6):
        watch(delivery(line(reference, window, shift=1.0 if window < 3 else 0.0)))
        after_window(clock, window)
        watch({})
    assert [(each["state"], each["since"]) for each in heard.details] == [
        ("drifted", START + HOUR),
        ("steady", START + 4 * HOUR),
    ]


def test_a_window_is_not_judged_before_its_lines_are_there(watch, reference, clock):
    """A minute after its end functions have yet to tell."""
    watch(delivery(line(reference, 0)))
    clock.advance(HOUR + 60)
    assert watch({}) == {"verdicts": {}}


def test_a_judged_window_stays_as_it_was(watch, reference, store, clock):
    """Whatever arrives late changes no verdict of the past."""
    for window in range(3):
        watch(delivery(line(reference, window)))
    after_window(clock, 2)
    watch({})
    watch(delivery(line(reference, 2, shift=3.0, id="late")))
    after_window(clock, 3)
    watch({})
    report = json.loads(store.report("m", 1, "json"))
    assert [each["rows"] for each in report["windows"]] == [300, 300, 0]


def test_a_delivery_that_came_twice_counts_once(watch, reference, s3, store, clock):
    """In the same company or in another."""
    first, second = line(reference, 0), line(reference, 0, id="b-1")
    for event in (delivery(first), delivery(first), delivery(first, second)):
        watch(event)
    after_window(clock, 0)
    watch({})
    assert json.loads(store.report("m", 1, "json"))["windows"][-1]["rows"] == 600
    assert len(s3.list_objects_v2(Bucket=BUCKET, Prefix="counts/")["Contents"]) == 2


@pytest.mark.parametrize(
    "changes",
    [
        {"reference_digest": "e" * 64},
        {"counts": [[1]]},
        {"counts": [["1"] * 11] * 5},
        {"counts": [[-1] * 11] * 5},
    ],
)
def test_lines_of_another_reference_are_set_aside(watch, reference, s3, changes):
    """Nothing that cannot be compared is added up, and the log says so."""
    assert watch(delivery(line(reference, 0, **changes))) == {"kept": 0, "aside": 1}
    assert "Contents" not in s3.list_objects_v2(Bucket=BUCKET)


def test_nothing_of_a_line_is_kept_but_counts(watch, reference, s3):
    """Neither who asked nor what."""
    watch(delivery(line(reference, 0, request_id="r-1", body="secret")))
    (entry,) = s3.list_objects_v2(Bucket=BUCKET)["Contents"]
    body = s3.get_object(Bucket=BUCKET, Key=entry["Key"])["Body"].read()
    assert set(json.loads(body)) == {"id", "since", "until", "release", "rows", "counts"}


def test_a_change_that_nobody_took_is_told_again(watch, reference, heard, store, clock):
    """An event is written down after it was taken; the next look tries again."""
    for window in range(3):
        watch(delivery(line(reference, window, shift=1.0)))
    after_window(clock, 2)
    heard.is_dark = True
    with pytest.raises(ControllerError, match="m 1"):
        watch({})
    assert store.report("m", 1, "json") is None
    heard.is_dark = False
    watch({})
    assert len(heard.details) == 1


def test_an_unasked_version_has_no_report(watch, s3):
    """What nobody asks is neither steady nor drifted."""
    assert watch({}) == {"verdicts": {}}
    assert "Contents" not in s3.list_objects_v2(Bucket=BUCKET)


def test_another_reference_begins_anew(watch, reference, store, heard, clock, lines):
    """A version that was built again is not judged by counts in other bins."""
    for window in range(3):
        watch(delivery(line(reference, window, shift=1.0)))
    after_window(clock, 2)
    watch({})
    anew = (Known(reference=reference, digest="f" * 64),)
    DriftWatch(anew, store, DriftEvents(heard), clock=clock, write=lines.write)({})
    assert len(heard.details) == 1


def test_a_dark_store_is_said(reference, heard, clock, lines, s3):
    """A delivery fails, and CloudWatch Logs or the queue brings it again."""
    watch = DriftWatch(
        (Known(reference=reference, digest=DIGEST),),
        DriftStore(s3, "no-such-bucket"),
        DriftEvents(heard),
        clock=clock,
        write=lines.write,
    )
    with pytest.raises(DependencyError):
        watch(delivery(line(reference, 0)))


def test_what_is_no_delivery_is_refused(watch):
    """A hand-made event does not pass for counts."""
    with pytest.raises(MalformedRequestError):
        watch({"awslogs": {"data": "?"}})


def test_references_are_read_from_the_functions_own_code(reference, tmp_path):
    """By the digest that lines carry."""
    (tmp_path / "m").mkdir()
    (tmp_path / "m" / "1.json").write_text(json.dumps(reference.to_dict()))
    (known,) = read_references(tmp_path)
    assert (known.reference, len(known.digest)) == (reference, 64)


def test_a_report_is_found_by_model_and_version(store):
    """`falaj drift status` lists what there is."""
    for version in (2, 1):
        document = json.dumps({"model": "m", "version": version})
        store.write_report("m", version, document=document, page="")
    assert [each["version"] for each in store.reports()] == [1, 2]
    assert drift_report_key("m", 1, "html") == "reports/model=m/version=1/latest.html"


def test_arabic_names_stand_in_their_own_direction():
    """And nothing in a name is markup."""
    feature = {
        "name": "العمر <b>",
        "side": "input",
        "drifted": True,
        "shifted": True,
        "psi": 0.4,
        "chi_squared": 90.0,
        "degrees": 9,
        "p_value": 1e-9,
        "labels": ["below 1", "1 or more", "no value"],
        "reference": [50, 50, 0],
        "counts": [10, 90, 0],
    }
    report = {
        "model": "m",
        "version": 1,
        "at": "2026-11-22T12:00:00+00:00",
        "state": "drifted",
        "rules": {"window_s": 3600, "delta": 0.1, "false_alarm": 0.01},
        "windows": [{"since": 0, "rows": 100, "shifted": ["العمر <b>"]}],
        "features": [feature],
    }
    shown = page(report)
    assert '<h2><bdi dir="auto">العمر &lt;b&gt;</bdi></h2>' in shown
    assert ("width:90.00%" in shown, "<script" in shown, "http" in shown) == (True, False, False)
