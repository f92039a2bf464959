"""Exposures and outcomes are written once and read back whole, a file at a time."""

import itertools
import json
import random
from datetime import UTC, datetime, timedelta

import pytest

from falaj.aws.experiment_log import AHEAD, ExperimentLog
from falaj.errors import DependencyError
from falaj.experiments.records import Exposure, Outcome
from tests.falaj.experiment_region import BUCKET, experiment_region, keys

START = datetime(2026, 11, 22, 23, 59, tzinfo=UTC)


@pytest.fixture
def region():
    """An empty bucket."""
    with experiment_region() as opened:
        yield opened


@pytest.fixture
def log(region):
    """The log in it."""
    return ExperimentLog(region.client("s3"), BUCKET)


def _exposure(number, *, at=START, experiment="greeting", **rest):
    return Exposure(
        experiment=experiment,
        unit=f"unit-{number}",
        arm="a",
        inference_id=f"r-{number}",
        at=at.timestamp(),
        release="12",
        **rest,
    )


def test_what_was_written_is_read_back(log):
    """Nothing is lost or changed on the way, a covariate and midnight included."""
    wanted = [_exposure(1, covariate=2.5), _exposure(2, at=START + timedelta(minutes=2))]

    written = log.write_exposures("tashkeel", wanted)

    assert [key.rpartition("/")[0] for key in written] == [
        "exposures/model=tashkeel/date=2026-11-22",
        "exposures/model=tashkeel/date=2026-11-23",
    ]
    assert list(log.exposures("tashkeel", "greeting", START)) == wanted


def test_the_same_delivery_again_adds_nothing(log, region):
    """In whatever order its lines come, a batch that comes twice is one file."""
    batch = [_exposure(number) for number in range(20)]
    shuffled = random.Random(4).sample(batch, k=20)

    log.write_exposures("tashkeel", batch)
    log.write_exposures("tashkeel", shuffled)
    log.write_exposures("tashkeel", [*batch, *batch])

    assert len(keys(region)) == 1
    assert len(list(log.exposures("tashkeel", "greeting", START))) == 20


def test_other_experiments_models_and_days_are_left_out(log, region):
    """Only what was asked for is handed on, and older days are not even fetched."""
    log.write_exposures("tashkeel", [_exposure(1), _exposure(2, experiment="other")])
    log.write_exposures("tashkeel", [_exposure(3, at=START - timedelta(days=3))])
    log.write_exposures("tashkeel-2", [_exposure(4)])
    fetched = []
    region.client("s3").meta.events.register(
        "before-call.s3.GetObject", lambda params, **_: fetched.append(params["url_path"])
    )

    found = [e.unit for e in log.exposures("tashkeel", "greeting", START)]

    assert found == ["unit-1"]
    assert len(fetched) == 1


@pytest.mark.parametrize("strange", ['{"unit": 1}', "no json", "{}", "[1, 2]", "torn"])
def test_a_line_that_is_no_record_is_set_aside(log, region, strange):
    """A torn or foreign line costs itself alone, and its file is named."""
    whole = json.dumps(_exposure(1).to_dict())
    lines = [whole[:30], whole[30:]] if strange == "torn" else [strange]
    key = "exposures/model=tashkeel/date=2026-11-23/foreign.jsonl"
    body = "\n".join([whole, *lines, json.dumps(_exposure(2).to_dict())]).encode()
    region.client("s3").put_object(Bucket=BUCKET, Key=key, Body=body)
    aside = []

    found = list(log.exposures("tashkeel", "greeting", START, set_aside=aside.append))

    assert [each.unit for each in found] == ["unit-1", "unit-2"]
    assert aside == [key]


def test_reading_stays_a_few_files_ahead(log, region):
    """A reader who stops early has not fetched the whole log."""
    for number in range(5 * AHEAD):
        log.write_exposures("tashkeel", [_exposure(number)])
    fetched = []
    region.client("s3").meta.events.register(
        "before-call.s3.GetObject", lambda **_: fetched.append(1)
    )

    first = list(itertools.islice(log.exposures("tashkeel", "greeting", START), 1))

    assert len(first) == 1
    assert len(fetched) <= AHEAD + 2


def test_outcomes_lie_under_the_day_they_were_received(log):
    """A late outcome is found by whoever reads from the experiment's start on."""
    late = Outcome(inference_id="r-1", metric="clicked", value=True, at=START.timestamp())
    received = (START + timedelta(days=9)).timestamp()

    key = log.write_outcomes("tashkeel", [late], received=received)

    assert key.startswith("outcomes/model=tashkeel/date=2026-12-01/")
    assert list(log.outcomes("tashkeel", START)) == [late]


def test_a_bucket_that_is_gone_is_said_so(region):
    """Darkness is an error with a name, not an empty experiment."""
    log = ExperimentLog(region.client("s3"), "no-such-bucket")

    with pytest.raises(DependencyError, match="list"):
        list(log.exposures("tashkeel", "greeting", START))
    with pytest.raises(DependencyError, match="take"):
        log.write_exposures("tashkeel", [_exposure(1)])
