"""`falaj experiment` starts, shows, decides and stops, and says what a program needs to know."""

import pytest

from falaj.contract import ANALYST_PARAMETER
from falaj.experiments.lifecycle import Phase

WHY = ("--reason", "asked for")
NAME = "m/greeting"
BETTER = {"control": 0.2, "warm": 0.5}
ALIKE = {"control": 0.2, "warm": 0.2}


def started(falaj, spec_file, **changes):
    """Start an experiment by the command."""
    said = falaj("experiment", "start", spec_file(**changes), *WHY)
    assert said.exit == 0, said.err
    return said


def test_start_says_what_happens_next(falaj, placed, spec_file):
    """The analyst has it, who asked is recorded, and the next look is announced."""
    said = started(falaj, spec_file)

    assert "m/greeting is running: asked for" in said.out
    assert "looks every five minutes" in said.out
    assert placed.region.store.get("m", "greeting").log[0].actor.count("@") == 1


def test_dry_run_starts_nothing(falaj, placed, spec_file):
    """The call is shown whole, and not made."""
    said = falaj("experiment", "start", spec_file(), *WHY, "--dry-run", "--json")

    assert said.document["would_call"]["Payload"]["command"]["verb"] == "start"
    assert placed.events == []


@pytest.mark.usefixtures("placed")
def test_what_cannot_start_is_refused_with_every_reason(falaj, spec_file):
    """A gate said no: exit 3."""
    started(falaj, spec_file)
    said = falaj("experiment", "start", spec_file(), *WHY)

    assert (said.exit, "a name is used once" in said.err) == (3, True)


@pytest.mark.usefixtures("placed")
def test_status_shows_one_or_all(falaj, spec_file):
    """A board for one, a line for each of all."""
    started(falaj, spec_file)

    one = falaj("experiment", "status", NAME)
    every = falaj("experiment", "status", "--json")

    assert "arms by subject: control 50.0%, warm 50.0%" in one.out
    assert [each["experiment"] for each in every.document["experiments"]] == ["greeting"]


@pytest.mark.usefixtures("placed")
def test_status_of_an_empty_region_says_so(falaj):
    """No experiment is an answer."""
    assert "no experiment was started yet" in falaj("experiment", "status").out


def test_report_leaves_by_the_verdict(falaj, placed, spec_file, tmp_path):
    """0 when it is decided, with the page beside it."""
    started(falaj, spec_file)
    placed.play(BETTER)
    page = tmp_path / "report.html"
    said = falaj("experiment", "report", NAME, "--html", str(page))

    assert (said.exit, "WINNER: warm beats control" in said.out) == (0, True)
    assert "success    conversion · warm:" in said.out
    assert " pp [+" in said.out
    assert "warm beats control" in page.read_text()


def test_an_open_question_leaves_with_4(falaj, placed, spec_file):
    """A fresh look at equal arms cannot decide yet."""
    started(falaj, spec_file)
    placed.play(ALIKE)
    said = falaj("experiment", "report", spec_file(), "--fresh", "--json")

    assert (said.exit, said.document["verdict"]) == (4, "inconclusive")


@pytest.mark.usefixtures("placed")
def test_a_running_experiment_grows(falaj, spec_file):
    """More subjects take part; with fewer somebody would lose an arm, and a gate says no."""
    started(falaj, spec_file, coverage=0.2)
    grown = falaj("experiment", "grow", NAME, "--coverage", "0.4", *WHY)
    board = falaj("experiment", "status", NAME)
    shrunk = falaj("experiment", "grow", NAME, "--coverage", "0.1", *WHY)
    odd = falaj("experiment", "grow", NAME, "--coverage", "40", *WHY)

    assert (grown.exit, shrunk.exit, odd.exit) == (0, 3, 2)
    assert "of the 40 % that take part" in board.out
    assert "some would lose the arm they have" in shrunk.err


def test_decide_promotes_what_is_held(falaj, placed, spec_file):
    """The winner was held; now it answers everyone."""
    started(falaj, spec_file)
    placed.play(BETTER)
    said = falaj("experiment", "decide", NAME, "promote", *WHY)

    assert (said.exit, "is promoted" in said.out) == (0, True)
    assert placed.region.live.read("m").promotion is not None


@pytest.mark.parametrize(
    ("words", "phase"),
    [(("decide", NAME, "revert"), Phase.REVERTED), (("stop", NAME), Phase.STOPPED)],
)
def test_a_person_ends_it(falaj, placed, spec_file, words, phase):
    """Both end on the control."""
    started(falaj, spec_file)
    said = falaj("experiment", *words, *WHY)

    assert said.exit == 0
    assert placed.region.store.get("m", "greeting").phase is phase


@pytest.mark.usefixtures("placed")
def test_what_is_over_cannot_be_decided_again(falaj, spec_file):
    """A gate said no: exit 3."""
    started(falaj, spec_file)
    falaj("experiment", "stop", NAME, *WHY)
    said = falaj("experiment", "decide", NAME, "promote", *WHY)

    assert (said.exit, "is stopped: promote does not apply" in said.err) == (3, True)


@pytest.mark.parametrize(
    ("words", "exit_", "sentence"),
    [
        (("stop", NAME, "--reason", " "), 2, "--reason is empty"),
        (("stop", "greeting", *WHY), 2, "MODEL/NAME"),
        (("stop", "m/nothing", *WHY), 1, "has no experiment 'nothing'"),
        (("report", NAME, "--at", "2026-01-01"), 2, "--at needs logs"),
        (("report", NAME, "--exposures", "x.jsonl"), 2, "both --exposures and --outcomes"),
    ],
)
@pytest.mark.usefixtures("placed")
def test_misuse_is_told_from_failure(falaj, words, exit_, sentence):
    """2 for a command line that makes no sense, 1 for what is not there."""
    said = falaj("experiment", *words)

    assert said.exit == exit_
    assert sentence in said.err


def test_a_region_without_an_analyst_says_what_to_deploy(falaj, placed):
    """The parameter that its stack writes is not there."""
    placed.region.plain("ssm").delete_parameter(Name=ANALYST_PARAMETER)
    said = falaj("experiment", "status")

    assert (said.exit, "deploy the experiments stack" in said.err) == (1, True)
