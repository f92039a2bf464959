"""`falaj experiment` plans with the figures that are published, and reports what logs hold."""

import csv
import gzip
import json
from datetime import UTC, datetime

import pytest

from tests.analysis.truth import START, declare, logs

CLOSED = datetime.fromtimestamp(START + 1_000_000, UTC).strftime("%Y-%m-%dT%H:%M:%S")
UNITS = 4_000


@pytest.fixture
def written(tmp_path):
    """Write an experiment of subjects who convert at known rates, and say how to report it."""

    def written(rates, *, declared=(0.5, 0.5), units=UNITS):
        exposures, outcomes = logs(declare(), rates, units)
        arms = [
            {"name": name, "share": share}
            for name, share in zip(("control", "warm"), declared, strict=True)
        ]
        (tmp_path / "spec.json").write_text(json.dumps(declare(arms=arms).to_dict()))
        for name, records in (("exposures", exposures), ("outcomes", outcomes)):
            lines = "".join(f"{json.dumps(record)}\n" for record in records)
            (tmp_path / f"{name}.jsonl").write_text(lines)
        return words(tmp_path)

    return written


def words(folder, spec="spec.json", exposures="exposures.jsonl", outcomes="outcomes.jsonl"):
    """Return the command line for files in a folder."""
    files = ("--exposures", str(folder / exposures), "--outcomes", str(folder / outcomes))
    return ["experiment", "report", str(folder / spec), *files, "--at", CLOSED]


def test_plan_gives_the_published_figures(falaj):
    """5 % to 6 % costs what the reference says, by each of the methods."""
    said = falaj(
        *("experiment", "plan", "--base", "0.05", "--wanted", "0.06"),
        *("--traffic", "2000", "--json"),
    )
    plans = {plan["method"]: plan for plan in said.document["plans"]}

    assert said.exit == 0
    assert plans["fixed"]["units"] == 16310
    assert (plans["group_sequential"]["units"], plans["group_sequential"]["looks"]) == (17829, 20)
    assert plans["group_sequential"]["mean_units"] <= 13_700
    assert plans["confidence_sequence"]["mean_units"] <= 19_000
    assert plans["fixed"]["days"] == pytest.approx(8.155, abs=0.001)
    assert said.document["declare"]["group_sequential"] == {"planned_units": 17829, "looks": 20}


def test_plan_is_a_table_for_people(falaj):
    """Every method has its line, and days only when traffic is known."""
    said = falaj("experiment", "plan", "--base", "0.2", "--wanted", "0.4", "--looks", "3")

    lines = said.out.splitlines()
    assert next(line for line in lines if line.startswith("group-sequential")).split()[5] == "3"
    assert sum(line.startswith(("fixed size", "confidence sequence")) for line in lines) == 2
    assert "days" not in said.out


def test_plan_of_an_obvious_difference_is_short(falaj):
    """A difference that a handful of units shows has a plan too."""
    said = falaj(
        *("experiment", "plan", "--base", "0.001", "--wanted", "0.9"),
        *("--alpha", "0.2", "--power", "0.25", "--looks", "1", "--json"),
    )

    assert said.exit == 0
    assert all(plan["units"] < 10 for plan in said.document["plans"])


def test_plan_refuses_all_wrong_options_at_once(falaj):
    """One round of mending is enough."""
    said = falaj(
        *("experiment", "plan", "--base", "1.5", "--wanted", "0", "--share", "1"),
        *("--alpha", "0.9", "--power", "1", "--traffic", "0", "--looks", "0"),
    )

    assert said.exit == 2
    for option in ("base", "wanted", "share", "alpha", "power", "traffic", "looks"):
        assert f"--{option} " in said.err


def test_effect_ends_with_its_sentence_and_a_page(falaj, written, tmp_path):
    """The verdict comes first; the page says the same."""
    page = tmp_path / "page.html"

    said = falaj(*written({"control": 0.05, "warm": 0.12}), "--html", str(page))

    assert said.exit == 0
    assert said.out.startswith("WINNER: warm beats control: conversion rose from ")
    assert "exposures.jsonl: 4,000 records" in said.err
    assert "warm beats control" in page.read_text(encoding="utf-8")


def test_loss_is_decided_too(falaj, written):
    """A loser is an answer: the command passed."""
    said = falaj(*written({"control": 0.12, "warm": 0.05}), "--json")

    assert (said.exit, said.document["verdict"]) == (0, "loser")
    assert said.err == ""


def test_no_effect_is_inconclusive(falaj, written):
    """An A/A test ends with four and no claim."""
    said = falaj(*written({"control": 0.1, "warm": 0.1}, units=1_500), "--json")

    assert (said.exit, said.document["verdict"]) == (4, "inconclusive")
    assert said.document["sentence"].startswith("It is not known yet")


def test_broken_split_is_invalid(falaj, written):
    """A split that is not the declared one blocks even a large effect."""
    said = falaj(*written({"control": 0.05, "warm": 0.12}, declared=(0.4, 0.6)), "--json")

    assert (said.exit, said.document["verdict"]) == (3, "invalid")
    assert "sample-ratio mismatch" in said.document["reason"]


def test_csv_folders_and_yaml_say_the_same(falaj, written, tmp_path):
    """The form of the files changes nothing."""
    plain = falaj(*written({"control": 0.05, "warm": 0.12}), "--json").document
    (tmp_path / "shown").mkdir()
    lines = (tmp_path / "exposures.jsonl").read_text().splitlines()
    records = [json.loads(line) for line in lines]
    for part in range(2):
        with gzip.open(tmp_path / "shown" / f"{part}.csv.gz", "wt", newline="") as file:
            table = csv.DictWriter(file, list(records[0]))
            table.writeheader()
            table.writerows(records[part::2])
    (tmp_path / "spec.yaml").write_text((tmp_path / "spec.json").read_text())

    said = falaj(*words(tmp_path, spec="spec.yaml", exposures="shown"), "--json")

    assert said.document == plain


def test_open_windows_are_not_counted_yet(falaj, written):
    """As of the start, nobody's outcome window has closed."""
    line = written({"control": 0.05, "warm": 0.12}, units=200)
    early = datetime.fromtimestamp(START, UTC).strftime("%Y-%m-%d %H:%M:%S")

    said = falaj(*line[:-1], early, "--json")

    assert (said.exit, said.document["tally"]["immature"]) == (4, 200)


def test_faults_of_spec_and_files_come_at_once(falaj, tmp_path):
    """A wrong value does not hide a missing file."""
    (tmp_path / "spec.yaml").write_text("name: greeting\nalpha: high\n")
    (tmp_path / "log.txt").write_text("")

    said = falaj(
        *words(tmp_path, spec="spec.yaml", exposures="log.txt", outcomes="gone.jsonl"),
        *("--html", str(tmp_path / "nowhere" / "page.html")),
    )

    assert said.exit == 1
    assert said.err.count("✗") == 7
    for part in ("'model' is missing", "alpha: 'high'", "read from", "no such file", "no such fol"):
        assert part in said.err


@pytest.mark.parametrize("text", ["name: [", "", "- greeting", "{"])
def test_spec_that_is_no_declaration_is_refused(falaj, written, tmp_path, text):
    """Broken YAML ends with a sentence that names the file."""
    line = written({"control": 0.1, "warm": 0.1}, units=20)
    (tmp_path / "spec.yaml").write_text(text)

    said = falaj(*line[:2], str(tmp_path / "spec.yaml"), *line[3:], "--json")

    assert (said.exit, said.document["code"]) == (1, "configuration")
    assert "spec.yaml" in said.document["error"]


def test_logs_of_which_nothing_is_usable_are_refused(falaj, written, tmp_path):
    """Logs of another experiment and another metric do not read as "no effect"."""
    line = written({"control": 0.5, "warm": 0.5}, units=50)
    (tmp_path / "exposures.jsonl").write_text('{"experiment": "other"}\nnonsense\n')
    outcome = {"inference_id": "i-1", "metric": "clicks", "value": 1, "at": START}
    (tmp_path / "outcomes.jsonl").write_text(json.dumps(outcome))

    said = falaj(*line, "--json")

    assert said.exit == 1
    no_exposure, no_outcome = said.document["faults"]
    assert "'greeting'" in no_exposure
    assert "2 malformed exposure" in no_exposure
    assert "1 other metric" in no_outcome
    assert "(conversion)" in no_outcome


def test_archive_that_ends_early_is_refused(falaj, written, tmp_path):
    """Half a file is not reported as if it were the whole."""
    written({"control": 0.5, "warm": 0.5}, units=2_000)
    whole = gzip.compress((tmp_path / "exposures.jsonl").read_bytes())
    (tmp_path / "exposures.jsonl.gz").write_bytes(whole[: len(whole) // 2])

    said = falaj(*words(tmp_path, exposures="exposures.jsonl.gz"))

    assert said.exit == 1
    assert "exposures.jsonl.gz: cannot be read after " in said.err
