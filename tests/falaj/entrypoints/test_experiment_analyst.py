"""The analyst starts, looks, decides and reports; what it began it finishes."""

import json
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import ECDSA
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_der_public_key

from falaj.domain.decision import signed_statement
from falaj.errors import (
    AnalystError,
    ExperimentRefusedError,
    LostRaceError,
    MalformedRequestError,
    UnknownExperimentError,
)
from falaj.experiments import assign
from falaj.experiments.announcing import AHEAD
from falaj.experiments.lifecycle import Phase, Verdict
from falaj.experiments.live import Promotion
from falaj.experiments.records import Outcome
from tests.falaj.analyst_region import (
    SPLIT,
    TICK,
    AnalystRegion,
    by_request,
    decide,
    declared,
    grow,
    start,
    stop,
)
from tests.falaj.rollout_region import Crash

ALIKE = {"control": 0.2, "warm": 0.2, "old": 0.2, "new": 0.2}
BETTER = {"control": 0.2, "warm": 0.5, "old": 0.2, "new": 0.5}
WORSE = {"control": 0.5, "warm": 0.2, "old": 0.5, "new": 0.2}
QUERY = {"query": {"model": "m", "experiment": "greeting"}}


@pytest.fixture
def region():
    """A region in which version 1 serves."""
    found = AnalystRegion()
    found.want("1")
    yield found
    found.close()


def run(region, spec, rates, units=900, **how):
    """Start an experiment, show it to units, wait until all windows are closed, look once."""
    analyst = region.analyst()
    analyst(start(spec))
    region.show(spec, units, rates, **how)
    region.clock.advance(700)
    analyst(TICK)
    return analyst


def state_of(region, spec):
    """Read the stored state."""
    return region.store.get(spec.model, spec.name)


def report_of(region, form="json"):
    """Read the latest report."""
    return region.objects("reports/")[f"reports/model=m/greeting/latest.{form}"].decode()


# --------------------------------------------------------------------- starting
def test_a_start_is_seen_by_requests(region):
    """From the start on, the parameter that requests read says who gets which arm."""
    spec = declared()
    told = region.analyst()(start(spec))

    (live,) = region.live.read("m").sticky
    assert live.allocation == spec.allocation
    assert (told["status"]["phase"], told["status"]["owed"]) == ("running", [])
    assert told["status"]["log"][0]["actor"] == "sara"


def test_a_name_is_used_once(region):
    """The same name would give the same people the same arms: their habits come along."""
    spec, analyst = declared(), region.analyst()
    analyst(start(spec))
    analyst(stop(spec))

    with pytest.raises(ExperimentRefusedError, match="a name is used once"):
        analyst(start(spec))


def test_two_experiments_never_share_a_subject(region):
    """Without a namespace the second one is refused, before anything is written."""
    analyst = region.analyst()
    analyst(start(declared()))
    other = declared(name="farewell")

    with pytest.raises(ExperimentRefusedError, match="would share subjects"):
        analyst(start(other))
    assert state_of(region, other) is None


def test_a_model_that_nobody_deployed_has_no_experiments(region):
    """A typo in the model's name is told at once."""
    with pytest.raises(ExperimentRefusedError, match="no stack has stated a release"):
        region.analyst()(start(declared(model="other")))


def test_a_release_that_does_not_know_an_experiment_cannot_run_it(region):
    """Nobody would be assigned and nothing recorded: the refusal says what to deploy."""
    region.declare("farewell")
    with pytest.raises(ExperimentRefusedError, match="put its declaration into models/m/exp"):
        region.analyst()(start(declared()))
    region.declare("greeting", versions=(1,))
    with pytest.raises(ExperimentRefusedError, match="'warm' is model version 2, the release"):
        region.analyst()(start(declared()))


# --------------------------------------------------------------------- verdicts
@pytest.mark.parametrize(
    ("changes", "rates", "phase", "verdict"),
    [
        ({"on_win": "hold"}, BETTER, Phase.HELD, Verdict.WINNER),
        ({"on_win": "promote"}, BETTER, Phase.PROMOTED, Verdict.WINNER),
        ({}, WORSE, Phase.REVERTED, Verdict.LOSER),
        ({"on_loss": "hold"}, WORSE, Phase.HELD, Verdict.LOSER),
        (
            {"metrics": [{"name": "conversion", "kind": "binary", "minimum_effect": 0.15}]},
            ALIKE,
            Phase.REVERTED,
            Verdict.NO_DIFFERENCE,
        ),
        ({}, ALIKE, Phase.RUNNING, None),
    ],
    ids=["won", "won-promote", "lost", "lost-hold", "alike", "undecided"],
)
def test_a_verdict_does_what_was_declared(region, changes, rates, phase, verdict):
    """The declaration says what becomes of a winner and of a loser."""
    spec = declared(**changes)
    run(region, spec, rates)

    state = state_of(region, spec)
    assert (state.phase, state.verdict, state.owed) == (phase, verdict, ())
    is_running = any(each.key == "greeting" for each in region.live.read("m").sticky)
    assert is_running is (phase in {Phase.RUNNING, Phase.HELD})


def test_a_promoted_arm_answers_everyone(region):
    """The arm's version stands in for the release's own, and only for that one."""
    run(region, declared(on_win="promote"), BETTER)

    assert region.live.read("m").promotion == Promotion(version=2, instead_of=1)


def test_time_ends_what_stays_undecided(region):
    """After max_duration the control answers, and the report says that nobody knows."""
    spec = declared(max_duration="1d")
    analyst = run(region, spec, ALIKE)
    region.clock.advance(86_400)
    analyst(TICK)

    state = state_of(region, spec)
    assert (state.phase, state.verdict) == (Phase.REVERTED, Verdict.INCONCLUSIVE)
    assert json.loads(report_of(region))["verdict"] == "inconclusive"


def test_a_broken_split_blocks_every_verdict(region):
    """Half of one arm is lost on the way: whatever it seems to show, nothing is concluded."""
    spec = declared()
    allocation = spec.allocation

    def leaky(unit):
        arm = assign(allocation, unit).arm
        return None if arm == "warm" and int(unit[-1]) % 2 else arm

    run(region, spec, BETTER, units=2_000, arm_of=leaky)

    state = state_of(region, spec)
    assert (state.phase, state.verdict) == (Phase.REVERTED, Verdict.INVALID)
    assert "sample-ratio mismatch" in state.reason


def test_feedback_late_twice_early_and_of_nobody_is_set_aside_and_counted(region):
    """Nothing is lost and nothing counts twice."""
    spec = declared()
    analyst = region.analyst()
    analyst(start(spec))
    exposures, outcomes = region.show(spec, 300, BETTER)
    answered = {outcome.inference_id for outcome in outcomes}
    first = next(each for each in exposures if each.inference_id not in answered)
    at = first.at
    more = [
        outcomes[3],  # sent again, as it was
        Outcome(inference_id=first.inference_id, metric="conversion", value=1, at=at + 5_000),
        Outcome(inference_id=first.inference_id, metric="conversion", value=1, at=at - 500, id="b"),
        Outcome(inference_id="nobody", metric="conversion", value=1, at=at),
    ]
    region.log.write_outcomes("m", more, received=region.clock.now().timestamp())
    region.log.write_outcomes(
        "m", list(reversed(outcomes)), received=region.clock.now().timestamp() + 90_000
    )
    region.clock.advance(90_000)
    analyst(TICK)

    tally = json.loads(report_of(region))["tally"]
    assert tally["outcomes"] == len(outcomes)
    assert tally["duplicate_outcomes"] == len(outcomes) + 1
    assert (tally["unknown_outcomes"], tally["early_outcomes"]) == (1, 1)
    assert tally["late_outcomes"] == 1


# ---------------------------------------------------------------------- reports
def test_the_report_says_what_was_decided_and_why(region):
    """The page of the decision is kept beside the latest one."""
    run(region, declared(), WORSE)

    page = report_of(region, "html")
    assert "warm loses to control" in page
    assert "Started, by sara" in page
    assert "Back to the control, because it lost" in page
    assert {"reports/model=m/greeting/2.html", "reports/model=m/greeting/2.json"} <= set(
        region.objects("reports/")
    )


def test_a_report_is_made_for_whoever_asks_first(region):
    """Before the first round there is a report as well, and a fresh one on request."""
    spec, analyst = declared(), region.analyst()
    analyst(start(spec))
    asked = {"model": "m", "experiment": "greeting"}

    before = analyst({"report": asked})["report"]
    region.show(spec, 300, ALIKE)
    region.clock.advance(700)
    kept = analyst({"report": asked})["report"]
    fresh = analyst({"report": asked | {"is_fresh": True}})["report"]
    page = analyst({"report": asked | {"form": "html"}})["report"]

    assert (before["units"], kept["units"], fresh["units"]) == (0, 0, 300)
    assert page.startswith("<!doctype html>")


def test_every_decision_is_signed(region):
    """Each record can be checked with the public key alone."""
    run(region, declared(), WORSE)

    found = region.objects("decisions/")
    signing = region.plain("kms").get_public_key(KeyId=region.settings.signing_key)
    public = load_der_public_key(signing["PublicKey"])
    for generation in (1, 2):
        record = found[f"decisions/m/greeting/{generation}.json"]
        public.verify(
            found[f"decisions/m/greeting/{generation}.sig"],
            signed_statement(record),
            ECDSA(SHA256()),
        )
    assert json.loads(record)["decision"]["event"] == "lost_revert"


# ----------------------------------------------------------------------- people
def test_a_person_decides_what_is_held(region):
    """A winner that is held waits for a name; who promoted it is on record."""
    spec = declared(on_win="hold")
    analyst = run(region, spec, BETTER)
    told = analyst(decide(spec, "promote"))["status"]

    assert (told["phase"], told["arm"]) == ("promoted", "warm")
    assert told["log"][-1]["actor"] == "sara"
    assert region.live.read("m").promotion == Promotion(version=2, instead_of=1)


@pytest.mark.parametrize(("verb", "phase"), [("revert", "reverted"), ("stop", "stopped")])
def test_a_person_ends_what_runs(region, verb, phase):
    """Both ways lead back to the control."""
    spec = declared()
    analyst = region.analyst()
    analyst(start(spec))
    told = analyst(stop(spec) if verb == "stop" else decide(spec, verb))["status"]

    assert told["phase"] == phase
    assert region.live.read("m").sticky == ()


def test_what_is_over_stays_over(region):
    """A second decision is refused, and nothing changes."""
    spec = declared()
    analyst = run(region, spec, WORSE)
    before = state_of(region, spec)

    with pytest.raises(ExperimentRefusedError, match="reverted: promote does not apply"):
        analyst(decide(spec, "promote"))
    assert state_of(region, spec) == before


def test_an_arm_that_is_none_cannot_be_promoted(region):
    """The refusal names the arms there are."""
    spec = declared()
    analyst = region.analyst()
    analyst(start(spec))

    with pytest.raises(ExperimentRefusedError, match="'hot' is none of warm"):
        analyst(decide(spec, "promote", arm="hot"))


def test_questions_about_nothing_are_answered_so(region):
    """A query knows what was started, and nothing else."""
    analyst = region.analyst()

    assert analyst({"query": {}}) == {"experiments": []}
    with pytest.raises(UnknownExperimentError):
        analyst(QUERY)
    with pytest.raises(MalformedRequestError):
        analyst({"command": {"verb": "start", "spec": {}, "actor": "a", "reason": "b"}})


# ---------------------------------------------------------------------- growing
def test_a_running_experiment_grows_and_nobody_flips(region):
    """Whoever has an arm keeps it; who asked and why is signed."""
    spec, analyst = declared(coverage=0.2), region.analyst()
    analyst(start(spec))
    subjects = [f"user-{number}" for number in range(500)]
    before = _arms(region, subjects)
    told = analyst(grow(spec, 0.7))["status"]
    after = _arms(region, subjects)

    assert (told["coverage"], told["phase"], told["owed"]) == (0.7, "running", [])
    assert all(after[each] == arm for each, arm in before.items() if arm is not None)
    assert _allocation(region).share("warm") == pytest.approx(0.35)
    record = json.loads(region.objects("decisions/")["decisions/m/greeting/2.json"])
    assert (record["decision"]["actor"], record["decision"]["coverage"]) == ("sara", 0.7)
    assert "decisions/m/greeting/2.sig" in region.objects("decisions/")


def test_an_experiment_that_grew_is_decided_as_ever(region):
    """The arms keep their proportion, so the split still is the declared one."""
    spec, analyst = declared(coverage=0.3), region.analyst()
    analyst(start(spec))
    region.show(spec, 1_000, BETTER)
    analyst(grow(spec, 1.0))
    region.show(spec, 600, BETTER, seed=2)
    region.clock.advance(700)
    analyst(TICK)

    assert state_of(region, spec).verdict is Verdict.WINNER
    assert "Grew to 100 % of all subjects, by sara" in report_of(region, "html")


@pytest.mark.parametrize(
    ("coverage", "sentence"), [(0.1, "some would lose the arm they have"), (0.3, "covers 0.3")]
)
def test_shrinking_is_refused(region, coverage, sentence):
    """Nothing is written, and the sentence says what to do instead."""
    spec, analyst = declared(coverage=0.3), region.analyst()
    analyst(start(spec))
    before = state_of(region, spec)

    with pytest.raises(ExperimentRefusedError, match=sentence):
        analyst(grow(spec, coverage))
    assert state_of(region, spec) == before


def test_ranges_that_would_move_are_refused(region):
    """Where what runs is not what the declaration lays out, nobody is moved over."""
    spec, analyst = declared(coverage=0.2), region.analyst()
    analyst(start(spec))
    live = region.live.read("m")
    region.live.write("m", live.with_sticky(live.sticky[0].grown([0.4, 0.1])))

    with pytest.raises(ExperimentRefusedError, match="another arm than they have"):
        analyst(grow(spec, 0.5))
    assert state_of(region, spec).generation == 1


@pytest.mark.parametrize("coverage", [None, 0, -1, 1.01, True, "0.4", float("nan")])
def test_a_coverage_is_a_part_of_all(region, coverage):
    """Told at once, before anything is read."""
    with pytest.raises(MalformedRequestError, match="coverage is a number"):
        region.analyst()(grow(declared(), coverage))


# ----------------------------------------------------------- what a crash leaves
def test_a_crash_while_growing_is_made_good(region):
    """Killed before requests were told, the next round tells them."""
    spec, analyst = declared(coverage=0.2), region.analyst()
    analyst(start(spec))

    def kill(called, is_write):
        if called == "ssm" and is_write:
            raise Crash

    region.on_request = kill
    with suppress(Crash):
        analyst(grow(spec, 0.6))
    region.on_request = None
    owed, small = state_of(region, spec).owed, _allocation(region).share("warm")
    region.analyst()(TICK)

    assert (len(owed), small) == (1, pytest.approx(0.1))
    assert _allocation(region).share("warm") == pytest.approx(0.3)
    assert state_of(region, spec).owed == ()


@pytest.mark.parametrize("service", ["ssm", "kms", "sns", "s3"])
def test_a_crash_between_deciding_and_doing_is_made_good(region, service):
    """Killed at any service after the verdict is kept, the next round does the rest."""
    spec = declared()
    analyst = region.analyst()
    analyst(start(spec))
    region.show(spec, 900, WORSE)
    region.clock.advance(700)

    def kill(called, is_write):
        state = state_of(region, spec)
        if called == service and is_write and state.phase is Phase.REVERTED and state.owed:
            raise Crash

    region.on_request = kill
    with suppress(Crash, AnalystError):
        analyst(TICK)
    region.on_request = None
    region.analyst()(TICK)

    state = state_of(region, spec)
    assert (state.phase, state.owed) == (Phase.REVERTED, ())
    assert region.live.read("m").sticky == ()
    assert "decisions/m/greeting/2.sig" in region.objects("decisions/")


def test_a_service_in_the_dark_is_told_and_tried_again(region):
    """Lambda sees the failure; the next round finds everything as it was."""
    spec = declared()
    analyst = region.analyst()
    analyst(start(spec))
    region.show(spec, 900, WORSE)
    region.clock.advance(700)
    region.dark = {"s3"}
    with pytest.raises(AnalystError, match="m/greeting: s3 did not"):
        analyst(TICK)
    region.dark = set()
    analyst(TICK)

    assert state_of(region, spec).phase is Phase.REVERTED


def test_two_analysts_decide_once(region):
    """Whoever writes second reads again, and finds it decided."""
    spec = declared()
    first, second = region.analyst(), region.analyst()
    first(start(spec))
    region.show(spec, 900, WORSE)
    region.clock.advance(700)
    seen = []

    def overtake(called, is_write):
        if called == "dynamodb" and is_write and not seen:
            seen.append(called)
            second(TICK)

    region.on_request = overtake
    with suppress(LostRaceError):
        first(TICK)
    region.on_request = None

    state = state_of(region, spec)
    assert (state.generation, state.phase) == (2, Phase.REVERTED)


class Hurry:
    """Lambda's context when time is left for so many experiments."""

    def __init__(self, count):
        self._left = count

    def get_remaining_time_in_millis(self):
        """Enough, until it is not."""
        self._left -= 1
        return 100_000 if self._left >= 0 else 1_000


def test_where_time_runs_out_everyone_gets_a_turn(region):
    """The next round begins with another experiment."""
    analyst = region.analyst()
    halves = [{"name": "half", "start": a, "end": b} for a, b in ((0.0, 0.5), (0.5, 1.0))]
    specs = [
        declared(name=name, namespace=half)
        for name, half in zip(("farewell", "greeting"), halves, strict=True)
    ]
    for spec in specs:
        analyst(start(spec))
    left_out = set()
    for _ in range(2):
        with pytest.raises(AnalystError) as told:
            analyst(TICK, Hurry(1))
        left_out |= set(told.value.failures)
        region.clock.advance(300)

    assert left_out == {"m/farewell", "m/greeting"}


# ------------------------------------------------------------------------ splits
def splitting(region, **plan):
    """Roll version 2 out to its last share, and return both programs."""
    controller, analyst = region.controller(), region.analyst()
    controller(TICK)
    region.release(plan=SPLIT | plan, model_version=2)
    controller(TICK)
    assert region.alias == ("1", {"2": 0.5})
    return controller, analyst


@pytest.mark.parametrize(
    ("rates", "alias"),
    [(BETTER, ("2", {})), (WORSE, ("1", {}))],
    ids=["won", "lost"],
)
def test_the_verdict_ends_the_split(region, rates, alias):
    """The analyst says who won; the rollout controller, still the alias's only writer, acts."""
    controller, analyst = splitting(region, on_win="promote")
    spec = by_request(on_win="promote")
    analyst(start(spec))
    region.show(spec, 900, rates)
    region.traffic(660, share=0.5)
    region.clock.advance(60)
    analyst(TICK)
    controller(TICK)

    assert region.alias == alias
    assert region.live.read("m").split is None


def test_a_split_is_announced_before_it_begins(region):
    """Recorders have time to hear of it; later rounds move nothing."""
    _, analyst = splitting(region)
    at = region.clock.now()
    analyst(start(by_request()))
    first = region.live.read("m").split
    region.clock.advance(60)
    analyst(TICK)

    assert first.since == (at + AHEAD).timestamp()
    assert region.live.read("m").split == first


def test_a_split_that_is_slow_to_write_down_begins_later(region):
    """Nobody can have heard of what took longer to announce than it is announced ahead."""
    _, analyst = splitting(region)
    at, slow = region.clock.now(), iter([5, 1])

    def take_long(service, is_write):
        if service == "ssm" and is_write:
            region.clock.advance(next(slow))

    region.on_request = take_long
    analyst(start(by_request()))

    assert region.live.read("m").split.since == (at + timedelta(seconds=5) + AHEAD).timestamp()


def test_what_arrives_after_the_end_is_counted_and_what_was_decided_stays(region):
    """Late logs reach a fresh report; answers from after the end are no part of it."""
    _, analyst = splitting(region)
    spec = by_request()
    analyst(start(spec))
    early, _ = region.show(spec, 200, ALIKE)
    ended = analyst(stop(spec))["status"]
    (known,) = region.live.read("m").ended
    at = region.clock.now().timestamp()
    late = [
        replace(early[0], unit=f"late-{n}", inference_id=f"late-{n}", at=at - 1 + n)
        for n in range(2)
    ]
    region.log.write_exposures("m", late)
    region.clock.advance(700)
    asked = {"model": "m", "experiment": "greeting", "is_fresh": True}
    found = analyst({"report": asked})["report"]

    assert (known.key, known.until) == ("greeting", at)
    assert found["tally"]["exposures"] == 201
    assert found["decisions"][-1]["what"] == "Stopped, by sara"
    assert analyst(QUERY)["status"]["log"] == ended["log"]


def test_a_winner_that_is_held_keeps_its_share(region):
    """on_win: hold leaves the split to a person, who promotes it through the analyst."""
    controller, analyst = splitting(region)
    spec = by_request()
    analyst(start(spec))
    region.show(spec, 900, BETTER)
    region.traffic(660, share=0.5)
    analyst(TICK)
    controller(TICK)
    held = region.alias
    analyst(decide(spec, "promote"))
    controller(TICK)

    assert (held, region.alias) == (("1", {"2": 0.5}), ("2", {}))


@pytest.mark.parametrize("order", ["stop", "revert"])
def test_a_person_ends_a_split(region, order):
    """Stop and revert put everything back on the control."""
    controller, analyst = splitting(region)
    spec = by_request()
    analyst(start(spec))
    analyst(stop(spec) if order == "stop" else decide(spec, "revert"))
    controller(TICK)

    assert region.alias == ("1", {})


def test_no_difference_ends_a_split_on_the_control(region):
    """The version that is known stays."""
    controller, analyst = splitting(region)
    metric = {"name": "conversion", "kind": "binary", "minimum_effect": 0.15}
    spec = by_request(metrics=[metric])
    analyst(start(spec))
    region.show(spec, 900, ALIKE)
    region.clock.advance(700)
    analyst(TICK)
    controller(TICK)

    assert state_of(region, spec).verdict is Verdict.NO_DIFFERENCE
    assert region.alias == ("1", {})


def test_the_guard_ends_an_experiment(region):
    """A candidate that harms is rolled back at once; the experiment says why it stopped."""
    controller, analyst = splitting(region)
    spec = by_request()
    analyst(start(spec))
    region.traffic(120, share=0.5, candidate_bad=1.0)
    controller(TICK)
    analyst(TICK)

    state = state_of(region, spec)
    assert region.alias == ("1", {})
    assert state.phase is Phase.STOPPED
    assert "rolled_back" in state.reason


def test_nothing_is_promoted_that_the_guard_has_rolled_back(region):
    """A person who is too late is told why."""
    controller, analyst = splitting(region)
    spec = by_request()
    analyst(start(spec))
    region.traffic(120, share=0.5, candidate_bad=1.0)
    controller(TICK)

    with pytest.raises(ExperimentRefusedError, match="nothing can be promoted: the rollout"):
        analyst(decide(spec, "promote"))


def test_an_experiment_by_request_needs_a_split_that_holds(region):
    """A canary, other words about winners, and a share still on its way are refused."""
    analyst = region.analyst()
    with pytest.raises(ExperimentRefusedError, match="needs split"):
        analyst(start(by_request()))
    region.want("1", plan=SPLIT | {"on_win": "promote"})
    with pytest.raises(ExperimentRefusedError, match="on_win is hold here and promote"):
        analyst(start(by_request()))
    region.want("1", plan=SPLIT)
    with pytest.raises(ExperimentRefusedError, match="nothing to split"):
        analyst(start(by_request()))


# ----------------------------------------------------------------------- bandits
def test_a_bandit_grows_into_the_better_arm_and_moves_nobody(region):
    """After three steps the better arm has most of what was added; every subject keeps its own."""
    spec = declared(
        coverage=0.2, bandit={"floor_share": 0.1, "step": 0.2, "every": "1d"}, outcome_window="1h"
    )
    analyst = region.analyst()
    analyst(start(spec))
    subjects = [f"user-{number}" for number in range(500)]
    before = _arms(region, subjects)
    for day in range(3):
        region.show(spec, 1_000, BETTER, seed=day, apart_s=86.4)
        analyst(TICK)
    after = _arms(region, subjects)

    allocation = _allocation(region)
    control, warm = allocation.share("control"), allocation.share("warm")
    assert warm > 3 * control
    assert control >= 0.1 + 3 * 0.02
    assert control + warm == pytest.approx(0.8)
    assert all(after[each] == arm for each, arm in before.items() if arm is not None)
    report = json.loads(report_of(region))
    assert report["verdict"] == "inconclusive"
    assert report["bandit"]["floor_share"] == 0.1
    assert report["bandit"]["regret"] > 0


def _arms(region, subjects):
    allocation = _allocation(region)
    return {each: assign(allocation, each).arm for each in subjects}


def _allocation(region):
    return region.live.read("m").sticky[0].allocation
