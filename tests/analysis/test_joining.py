"""Exposures and outcomes become units, and nothing is lost without being counted."""

import gzip
import json

import numpy as np
import pytest

from analysis.joining import Joining
from analysis.moments import COVARIATE, DENOMINATOR, MISSING, VALUE
from analysis.records import read_records
from falaj.experiments.records import Exposure, Outcome
from tests.analysis.truth import START, declare, logs

LATER = START + 1e6


def exposure(unit, inference, *, arm="control", at=0.0, **rest):
    """Write an exposure."""
    return {
        "experiment": "greeting",
        "unit": unit,
        "arm": arm,
        "inference_id": inference,
        "at": START + at,
    } | rest


def outcome(inference, *, at=60.0, value=1, metric="conversion", **rest):
    """Write an outcome."""
    return {"inference_id": inference, "metric": metric, "value": value, "at": START + at} | rest


def join(exposures, outcomes, *, spec=None, until=LATER):
    """Join and collect everything."""
    with Joining(spec or declare()) as joining:
        joining.add_outcomes(outcomes)  # outcomes before exposures: order must not matter
        joining.add_exposures(exposures)
        tally = joining.finish(until)
        batches = list(joining.units())
        aside = joining.set_aside()
    rows = {
        name: np.concatenate([batch.rows[name] for batch in batches])
        for name in (batches[0].rows if batches else ())
    }
    arms = [int(arm) for batch in batches for arm in batch.arms]
    return tally, arms, rows, aside


def test_first_exposure_decides_the_time_and_requests_are_counted_by_unit():
    """Three answers to one subject are one unit."""
    tally, arms, rows, _ = join(
        [exposure("u", "i2", at=20), exposure("u", "i1", at=10), exposure("v", "i3", arm="warm")],
        [outcome("i2"), outcome("i1")],
    )

    assert (tally.exposures, tally.units, tally.analysed) == (3, 2, 2)
    assert arms == [1, 0]
    assert rows["conversion"][:, VALUE].tolist() == [0.0, 1.0]


def test_subject_seen_in_two_arms_is_left_out_and_counted():
    """Whoever saw both tells nothing about either."""
    tally, arms, _, _ = join(
        [exposure("u", "i1"), exposure("u", "i2", arm="warm", at=5), exposure("v", "i3")], []
    )

    assert (tally.crossed, tally.analysed, arms) == (1, 1, [0])


def test_late_early_unknown_and_duplicate_outcomes_are_kept_aside():
    """Feedback that cannot be counted is named, not lost."""
    tally, _, rows, aside = join(
        [exposure("u", "i1"), exposure("v", "i2")],
        [
            outcome("i1", at=4_000),
            outcome("i2", at=-120, id="a"),
            outcome("i2", at=-30, id="b"),
            outcome("i2", at=-30, id="b", value=0),
            outcome("nobody"),
        ],
    )

    assert tally.late_outcomes == 1
    assert tally.early_outcomes == 1
    assert tally.duplicate_outcomes == 1
    assert tally.unknown_outcomes == 1
    assert tally.outcomes == 1
    assert rows["conversion"][:, VALUE].sum() == 1
    assert sorted(aside) == [("i1", "late"), ("i2", "early"), ("nobody", "unknown")]


def test_unit_with_an_open_window_is_not_counted_yet():
    """A subject who may still convert is not a failure."""
    tally, arms, _, _ = join(
        [exposure("u", "i1"), exposure("v", "i2", at=1_000)], [], until=START + 4_000
    )

    assert (tally.immature, tally.analysed, len(arms)) == (1, 1, 1)


def test_exposure_logged_twice_counts_once():
    """Logs are delivered at least once."""
    tally, _, _, _ = join([exposure("u", "i1"), exposure("u", "i1")], [])

    assert (tally.exposures, tally.duplicate_exposures) == (1, 1)


def test_unusable_records_are_counted_by_reason():
    """Each thing that could not be read is counted under its name."""
    tally, _, _, _ = join(
        [
            exposure("u", "i1"),
            exposure("u", "i2", experiment="other"),
            exposure("u", "i3", arm="cold"),
            exposure("", "i4"),
            None,
        ],
        [outcome("i1", value="yes"), outcome("i1", metric="speed"), {"metric": 1}],
    )

    assert tally.unusable == {
        "other_experiment": 1,
        "unknown_arm": 1,
        "malformed_exposure": 2,
        "unusable_value": 1,
        "other_metric": 1,
        "malformed_outcome": 1,
    }


def test_metrics_read_labels_sums_ratios_covariates_and_caps():
    """Every kind of metric becomes the number it says."""
    spec = declare(
        metrics=[
            {"name": "approved", "kind": "binary", "outcome": "label", "positive_label": "yes"},
            {"name": "spent", "kind": "continuous", "role": "secondary", "winsor": 0.75},
            {
                "name": "per request",
                "outcome": "spent",
                "kind": "ratio",
                "denominator": "requests",
                "role": "secondary",
            },
        ]
    )
    tally, _, rows, _ = join(
        [
            exposure("a", "a1", covariate=3.0),
            exposure("a", "a2", at=1),
            exposure("a", "a3", at=9_999),
            exposure("b", "b1", at=2),
            exposure("c", "c1", at=3),
            exposure("d", "d1", at=4),
        ],
        [
            outcome("a1", metric="label", value="yes"),
            outcome("b1", metric="label", value="no"),
            outcome("a1", metric="spent", value=10),
            outcome("a2", metric="spent", value=5),
            outcome("b1", metric="spent", value=100),
            outcome("c1", metric="spent", value=2),
        ],
        spec=spec,
    )

    assert tally.outcomes == 6
    assert rows["approved"][:, VALUE].tolist() == [1, 0, 0, 0]
    assert rows["spent"][:, VALUE].tolist() == [15, 100, 2, 0]
    assert rows["per request"][:, DENOMINATOR].tolist() == [2, 1, 1, 1]
    assert rows["approved"][:, COVARIATE].tolist() == [3, 0, 0, 0]
    assert rows["approved"][:, MISSING].tolist() == [0, 1, 1, 1]


def test_winsorising_cuts_at_the_pooled_quantile():
    """One whale does not decide."""
    spec = declare(
        metrics=[{"name": "spent", "kind": "continuous", "winsor": 0.9}],
    )
    people = range(100)
    _, _, rows, _ = join(
        [exposure(f"u{n}", f"i{n}", at=n) for n in people],
        [outcome(f"i{n}", metric="spent", value=n, at=n + 5) for n in people],
        spec=spec,
    )

    assert rows["spent"][:, VALUE].max() == 90


@pytest.mark.parametrize("name", ["log.jsonl", "log.jsonl.gz", "log.csv"])
def test_records_are_read_from_files(tmp_path, name):
    """JSON Lines and CSV hold the same records; a broken line is a None."""
    path, record = tmp_path / name, exposure("سارة", "i1")
    if name.endswith("csv"):
        text = ",".join(record) + "\n" + ",".join(map(str, record.values())) + "\n"
    else:
        text = json.dumps(record) + "\n\n{broken\n"
    opener = gzip.open if name.endswith("gz") else open
    with opener(path, "wt", encoding="utf-8") as stream:
        stream.write(text)

    records = list(read_records(path))

    assert records == [record] if name.endswith("csv") else records == [record, None]


def test_unknown_file_kind_is_refused(tmp_path):
    """A format is never guessed."""
    with pytest.raises(ValueError, match=r"read from \.jsonl or \.csv"):
        list(read_records(tmp_path / "log.parquet"))


def test_join_leaves_nothing_behind(tmp_path):
    """The temporary join is gone afterwards."""
    with Joining(declare(), directory=tmp_path) as joining:
        joining.add_exposures([exposure("u", "i1")])
        joining.finish(LATER)

    assert list(tmp_path.iterdir()) == []


def test_checked_records_join_as_unchecked_ones(now):
    """What the analyst streams from S3 gives what files give."""
    spec = declare()
    exposures, outcomes = logs(spec, {"control": 0.1, "warm": 0.3}, 600)
    strange = [exposures[0] | {"arm": "hot"}, exposures[1] | {"experiment": "other"}]
    told = [*outcomes, outcomes[0] | {"metric": "other"}, outcomes[1] | {"value": "yes"}]
    with Joining(spec) as files, Joining(spec) as streamed:
        files.add_exposures([*exposures, *strange])
        files.add_outcomes(told)
        streamed.add_checked(
            map(Exposure.from_dict, [*exposures, *strange]), map(Outcome.from_dict, told)
        )

        assert streamed.finish(now.timestamp()) == files.finish(now.timestamp())
        pairs = zip(streamed.units(), files.units(), strict=True)
        assert all((a.rows["conversion"] == b.rows["conversion"]).all() for a, b in pairs)


def test_the_earliest_of_repeated_outcomes_counts(now):
    """Whatever was read first."""
    spec = declare(metrics=[{"name": "spent", "kind": "continuous"}])
    shown, _ = logs(spec, {"control": 0.0, "warm": 0.0}, 1)
    at = shown[0]["at"]
    told = [
        {"inference_id": "i-0", "metric": "spent", "value": value, "at": at + late}
        for value, late in ((7.0, 90), (3.0, 30))
    ]
    found = []
    for order in (told, told[::-1]):
        with Joining(spec) as joining:
            joining.add_exposures(shown)
            joining.add_outcomes(order)
            joining.finish(now.timestamp())
            found.append(next(joining.units()).rows["spent"][0, 0])

    assert found == [3.0, 3.0]
