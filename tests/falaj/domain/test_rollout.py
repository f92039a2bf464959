"""A rollout moves for reasons that can be read, and only forward in generation."""

import json
from dataclasses import replace

import pytest

from falaj.domain.actions import (
    Notify,
    PruneVersions,
    PublishEvidence,
    RecordDecision,
    ReleaseProvisionedConcurrency,
    RequestProvisionedConcurrency,
    SetShadow,
    SetShare,
    Verify,
)
from falaj.domain.codec import canonical_json, decode
from falaj.domain.observation import (
    AlarmEffect,
    AlarmState,
    AliasState,
    Command,
    ExperimentOutcome,
    Observation,
    Verb,
    Verification,
    VerificationState,
)
from falaj.domain.plan import OnInconclusive, OnLoss, OnWin, Plan, PlanKind, Release
from falaj.domain.rollout import (
    LIVE,
    OUTAGE_PATIENCE_S,
    TRANSITIONS,
    Event,
    Hold,
    Phase,
    Rollout,
    advance,
)
from falaj.domain.verdict import Outcome
from tests.falaj.domain.rollout_world import (
    EPOCH,
    MemoryWorld,
    later,
    settle,
    tick,
    verdict,
)

CANARY = Plan(steps=(0.05, 0.5), bake_s=600)


def world_with(plan=CANARY, *, candidate="2", serial=1, **release):
    """A world whose stack wants version 2; version 1 serves."""
    world = MemoryWorld()
    world.alias.published.add(candidate)
    world.desired = Release(model="m", serial=serial, version=candidate, plan=plan, **release)
    return world


def baking(plan=CANARY, **release):
    """A world whose candidate bakes at its first share, at time 0."""
    world = world_with(plan, **release)
    settle(world, EPOCH)
    assert world.load().phase is Phase.BAKING
    return world


def promoted(plan=CANARY, **release):
    """A world whose candidate was promoted at 1200 s."""
    world = baking(plan, **release)
    world.verdict = verdict(Outcome.SAFE)
    for step in range(1, len(plan.shares) + 1):
        settle(world, later(600 * step))
    assert world.load().phase is Phase.PROMOTED
    return world


def alarm(version="2", *, effect=AlarmEffect.ROLL_BACK, since=0.0, name="evidence", is_red=True):
    """An alarm on one version."""
    return AlarmState(name=name, effect=effect, version=version, is_red=is_red, since=later(since))


def order(world, verb, *, version="2", skip_guard=False, serial=None):
    """Have an operator ask for something."""
    serial = serial or (world.command.serial if world.command else 0) + 1
    world.command = Command(
        serial=serial,
        verb=verb,
        version=version,
        reason="because",
        actor="amal",
        skip_guard=skip_guard,
    )


def alias(world):
    """Where the alias points."""
    return world.alias.state.version, dict(world.alias.state.weights)


# ------------------------------------------------------------------------- the way up
def test_candidate_climbs_its_steps_and_takes_over():
    """A safe version gets 5 %, then 50 %, then everything, and each share bakes."""
    world = promoted()
    assert [dict(state.weights) for state in world.alias.history] == [{"2": 0.05}, {"2": 0.5}, {}]
    assert alias(world) == ("2", {})


def test_first_version_is_adopted_without_a_rollout():
    """Creating a model is no rollout: its alias points at the first version already."""
    world = world_with(candidate="1")
    settle(world, EPOCH)
    assert (world.load().phase, world.alias.history) == (Phase.PROMOTED, [])


def test_nothing_happens_before_the_alias_exists():
    """The controller may be deployed before any model."""
    rollout = Rollout(model="m")
    assert advance(rollout, Observation(), EPOCH) == (rollout, ())


def test_golden_cases_run_before_any_share():
    """The candidate is invoked directly; the alias is not touched."""
    world = world_with()
    after, actions = advance(world.load(), world.observe(), EPOCH)
    assert after.phase is Phase.VERIFYING
    assert Verify(version="2") in actions
    assert not [action for action in actions if isinstance(action, SetShare)]


def test_failed_golden_cases_end_the_release():
    """A version that answers wrongly never sees a caller."""
    world = world_with()
    world.broken.add("2")
    settle(world, EPOCH)
    assert (world.load().phase, world.alias.history) == (Phase.ROLLED_BACK, [])
    assert world.notices[-1].is_page


@pytest.mark.parametrize(
    ("age_s", "phase"),
    [(OUTAGE_PATIENCE_S - 1, Phase.VERIFYING), (OUTAGE_PATIENCE_S, Phase.PAUSED)],
)
def test_golden_cases_that_stable_fails_too_are_waited_for_and_then_held(age_s, phase):
    """Nothing is known of the candidate: it is not rolled back, and somebody is called."""
    world = world_with()
    world.is_out = True
    settle(world, EPOCH)
    settle(world, later(age_s))
    assert (world.load().phase, world.alias.history) == (phase, [])
    assert world.notices[-1].is_page is (phase is Phase.PAUSED)


def test_version_that_does_not_exist_ends_the_release():
    """The stack names a version that was deleted."""
    world = world_with()
    world.alias.published.discard("2")
    settle(world, EPOCH)
    assert world.load().log[-1].reason == "version 2 does not exist"


def test_another_versions_verification_does_not_count():
    """A late answer about an earlier candidate verifies nothing."""
    world = world_with()
    tick(world, EPOCH)
    world.verification = Verification(version="1", state=VerificationState.PASSED)
    after, _ = advance(world.load(), world.observe(), EPOCH)
    assert after.phase is Phase.VERIFYING


def test_silence_is_not_safety():
    """With every bake over and nothing known, the share is not increased."""
    world = baking(replace(CANARY, max_extensions=1))
    for minute in range(60):
        settle(world, later(60 * minute))
    rollout = world.load()
    assert (rollout.phase, rollout.hold, rollout.share) == (
        Phase.PAUSED,
        Hold.INCONCLUSIVE,
        0.05,
    )
    assert rollout.outcome == "inconclusive"


def test_extension_ends_as_soon_as_it_is_safe():
    """The bake is over; once the evidence is there, nobody waits for the extension to end."""
    world = baking()
    settle(world, later(600))
    assert world.load().phase is Phase.EXTENDED
    world.verdict = verdict(Outcome.SAFE)
    settle(world, later(660))
    assert alias(world) == ("1", {"2": 0.5})


@pytest.mark.parametrize(
    ("on_inconclusive", "phase", "outcome"),
    [
        (OnInconclusive.HOLD, Phase.PAUSED, "inconclusive"),
        (OnInconclusive.ABORT, Phase.ROLLED_BACK, "inconclusive"),
    ],
)
def test_inconclusive_bake_does_as_planned(on_inconclusive, phase, outcome):
    """A plan may rather hold or give up than extend."""
    world = baking(replace(CANARY, on_inconclusive=on_inconclusive))
    settle(world, later(600))
    assert (world.load().phase, world.load().outcome) == (phase, outcome)


def test_safe_before_the_bake_is_over_waits():
    """Evidence does not shorten the bake."""
    world = baking()
    world.verdict = verdict(Outcome.SAFE)
    settle(world, later(599))
    assert world.load().step == 0


def test_wrong_split_is_held_and_pages():
    """When requests are not split as declared, no comparison means anything."""
    world = baking()
    world.verdict = verdict(Outcome.INVALID)
    settle(world, later(600))
    assert (world.load().hold, world.notices[-1].is_page) == (Hold.INVALID, True)


def test_high_risk_waits_for_an_approver():
    """Nobody has approved: the candidate is verified and gets no share."""
    world = world_with(risk="high")
    world.approver = ""
    settle(world, EPOCH)
    assert world.load().phase is Phase.SHIFTING
    assert world.load().blocked_by == "a model of high risk needs an approver"
    world.approver = "amal"
    settle(world, EPOCH)
    assert alias(world) == ("1", {"2": 0.05})


def test_provisioned_concurrency_is_ready_before_the_share():
    """Warm environments are asked for first; the alias moves when they are there."""
    world = world_with(min_warm=3)
    settle(world, EPOCH, ticks=1)
    after, actions = advance(world.load(), world.observe(), EPOCH)
    assert RequestProvisionedConcurrency(version="2", count=3) in actions
    assert not [action for action in actions if isinstance(action, SetShare)]
    assert after.blocked_by == "provisioned concurrency of version 2 is not ready"


def test_provisioned_concurrency_of_stable_outlives_the_window():
    """The way back stays warm for the rollback window, then costs nothing."""
    world = promoted(min_warm=2)
    world.provisioned.add("1")
    settle(world, later(1200 + 3599))
    assert world.provisioned == {"1", "2"}
    settle(world, later(1200 + 3601))
    assert world.provisioned == {"2"}


# ------------------------------------------------------------------------ the way back
def test_evidence_rolls_back():
    """The guard says harm: version and weights go back in one call."""
    world = baking()
    world.verdict = verdict(Outcome.ROLL_BACK, reason="log10 E 2.31 ≥ 2.00 (error)")
    tick(world, later(61))
    assert alias(world) == ("1", {})
    assert world.load().log[-1].reason == "log10 E 2.31 ≥ 2.00 (error)"


@pytest.mark.parametrize("phase", LIVE)
def test_alarm_rolls_back_from_every_live_phase(phase):
    """A red alarm that names the candidate counts wherever the rollout is."""
    world = world_with() if phase is Phase.VERIFYING else baking()
    if phase is Phase.VERIFYING:
        tick(world, EPOCH)
    rollout = replace(world.load(), phase=phase)
    world.alarms["evidence"] = alarm()
    after, _ = advance(rollout, world.observe(), later(61))
    assert (after.phase, after.log[-1].cause) == (Phase.ROLLED_BACK, "evidence")


def test_alarm_of_another_version_is_ignored():
    """An alarm red since before the rollout, or late for an older version, stops nobody's fix."""
    world = baking()
    world.alarms["old"] = alarm("1", since=-9000)
    settle(world, later(61))
    assert world.load().phase is Phase.BAKING


def test_alarm_that_names_the_candidate_counts_though_it_is_old():
    """Red before the first share, but about this very version."""
    world = world_with()
    world.alarms["evidence"] = alarm("2", since=-9000)
    settle(world, EPOCH)
    assert (world.load().phase, alias(world)) == (Phase.ROLLED_BACK, ("1", {}))


def test_bad_release_stays_rolled_back():
    """The stack still wants the bad version; it was tried, and it is not tried again."""
    world = baking()
    world.alarms["evidence"] = alarm()
    for minute in range(120):
        settle(world, later(60 * minute))
    assert [entry.event for entry in world.load().log].count(Event.HARMED) == 1
    assert alias(world) == ("1", {})


def test_throttles_pause_and_resume():
    """Throttles are no fault of the version: hold the share until they are over."""
    world = baking()
    world.alarms["throttles"] = alarm("", effect=AlarmEffect.PAUSE, name="throttles")
    settle(world, later(61))
    assert (world.load().phase, alias(world)) == (Phase.PAUSED, ("1", {"2": 0.05}))
    world.alarms["throttles"] = alarm("", effect=AlarmEffect.PAUSE, name="throttles", is_red=False)
    settle(world, later(120))
    assert world.load().phase is Phase.BAKING


def test_guard_stays_on_while_paused():
    """A pause holds the share; harm still ends it."""
    world = baking()
    order(world, Verb.PAUSE)
    settle(world, later(61))
    world.verdict = verdict(Outcome.ROLL_BACK)
    settle(world, later(120))
    assert alias(world) == ("1", {})


@pytest.mark.parametrize("dark", ["dynamodb", "s3", "kms", "ssm"])
def test_dark_dependency_freezes_promotion(dark):
    """What cannot be recorded is not promoted; serving goes on as it is."""
    world = baking()
    world.verdict, world.dark = verdict(Outcome.SAFE), (dark,)
    settle(world, later(600))
    assert (world.load().step, world.load().blocked_by) == (0, f"{dark} does not answer")


def test_dark_dependency_does_not_stop_a_rollback():
    """Going back is always allowed."""
    world = baking()
    world.verdict, world.dark = verdict(Outcome.ROLL_BACK), ("s3",)
    settle(world, later(61))
    assert alias(world) == ("1", {})


def test_heartbeat_alarm_blocks_promotion():
    """A controller that missed its ticks does not promote."""
    world = baking()
    world.verdict = verdict(Outcome.SAFE)
    world.alarms["heartbeat"] = alarm("", effect=AlarmEffect.FREEZE, name="heartbeat")
    settle(world, later(600))
    assert (world.load().step, world.load().blocked_by) == (0, "alarm heartbeat is red")


def test_missing_telemetry_neither_promotes_nor_extends():
    """Not measured is not inconclusive: the rollout waits."""
    world = baking()
    world.verdict = None
    settle(world, later(6000))
    assert (world.load().phase, world.load().blocked_by) == (
        Phase.BAKING,
        "telemetry is missing or stale",
    )


def test_rollback_target_that_is_gone_leaves_traffic_alone():
    """Nothing to go back to: page somebody, touch nothing, once."""
    world = baking()
    world.alias.published.discard("1")
    world.alarms["evidence"] = alarm()
    for minute in range(5):
        settle(world, later(61 + 60 * minute))
    assert alias(world) == ("1", {"2": 0.05})
    assert [notice.is_page for notice in world.notices].count(True) == 1
    assert world.load().hold is Hold.STRANDED


def test_rollback_of_a_rollback_refuses_and_pages_once():
    """Traffic went back to stable, and now stable is red: there is no further back."""
    world = baking()
    world.alarms["evidence"] = alarm()
    settle(world, later(61))
    world.alarms["stable"] = alarm("1", since=120, name="stable")
    for minute in range(5):
        settle(world, later(180 + 60 * minute))
    pages = [notice.text for notice in world.notices if "is not rolled back" in notice.text]
    assert (len(pages), alias(world)) == (1, ("1", {}))


def test_alarm_soon_after_promotion_undoes_it():
    """Within the rollback window a fresh alarm about the promoted version goes back."""
    world = promoted()
    world.alarms["total failure"] = alarm(since=1300, name="total failure")
    settle(world, later(1301))
    assert alias(world) == ("1", {})


def test_alarm_seen_late_still_undoes_its_own_version():
    """It went red just before the promotion, and was seen just after."""
    world = promoted()
    world.alarms["evidence"] = alarm(since=1199)
    settle(world, later(1260))
    assert alias(world) == ("1", {})


def test_alias_is_never_pointed_at_a_version_that_is_gone():
    """A foreign hand moved the alias and deleted the candidate: nothing is ordered."""
    world = baking()
    seen = replace(
        world.observe(),
        published=("1",),
        alias=AliasState(version="1", weights={}, revision_id="9"),
    )
    _, actions = advance(world.load(), seen, later(61))
    assert not [action for action in actions if isinstance(action, SetShare)]


def test_alarm_after_the_window_only_stands():
    """Long after promotion an alarm is for people."""
    world = promoted()
    world.alarms["total failure"] = alarm(since=9000, name="total failure")
    settle(world, later(9001))
    assert alias(world) == ("2", {})


def test_alarm_after_promotion_without_a_way_back_pages_once():
    """The earlier version was deleted: refuse, page, leave traffic alone."""
    world = promoted()
    world.alias.delete("1")
    world.alarms["total failure"] = alarm(since=1300, name="total failure")
    for second in range(1301, 1306):
        settle(world, later(second))
    assert alias(world) == ("2", {})
    assert [notice.is_page for notice in world.notices].count(True) == 1


# ------------------------------------------------------------------------- other releases
def test_newer_release_supersedes_mid_canary():
    """The fix arrives while the bad candidate bakes: stable takes over, then the fix climbs."""
    world = baking()
    world.alias.published.add("3")
    world.desired = replace(world.desired, version="3", serial=2)
    settle(world, later(61))
    assert alias(world) == ("1", {"3": 0.05})
    assert world.load().stable == "1"
    assert {} in [dict(state.weights) for state in world.alias.history]


def test_late_alarm_never_touches_a_newer_release():
    """The superseded candidate's alarm goes red when the fix has its share."""
    world = baking()
    world.alias.published.add("3")
    world.desired = replace(world.desired, version="3", serial=2)
    settle(world, later(61))
    world.alarms["evidence"] = alarm("2", since=100)
    settle(world, later(120))
    assert (world.load().phase, alias(world)) == (Phase.BAKING, ("1", {"3": 0.05}))


def test_old_wish_read_late_is_ignored():
    """An eventually consistent read returns the release before."""
    world = promoted()
    world.desired = replace(world.desired, version="1", serial=0)
    settle(world, later(1300))
    assert alias(world) == ("2", {})


def test_stack_rolled_back_mid_canary_withdraws_the_candidate():
    """CloudFormation wants the earlier version again: no candidate, no fight."""
    world = baking()
    world.desired = replace(world.desired, version="1", serial=2)
    settle(world, later(61))
    assert (world.load().phase, world.load().candidate) == (Phase.PROMOTED, "1")
    assert alias(world) == ("1", {})
    assert Event.WITHDRAWN in [entry.event for entry in world.load().log]


def test_changed_plan_waits_for_the_next_version():
    """The live release keeps the plan it began with."""
    world = baking()
    world.desired = replace(world.desired, serial=2, plan=Plan(steps=(0.9,)))
    settle(world, later(61))
    assert (world.load().release.plan, alias(world)) == (CANARY, ("1", {"2": 0.05}))


def test_rolled_back_version_is_not_tried_again():
    """The same bytes, wanted again: publish a new version instead."""
    world = baking()
    world.alarms["evidence"] = alarm()
    settle(world, later(61))
    world.alarms.clear()
    world.desired = replace(world.desired, serial=2)
    settle(world, later(120))
    assert (world.load().phase, alias(world)) == (Phase.ROLLED_BACK, ("1", {}))


def test_next_release_measures_against_what_serves():
    """After a promotion the new stable is the promoted version."""
    world = promoted()
    world.alias.published.add("3")
    world.desired = replace(world.desired, version="3", serial=2)
    settle(world, later(1300))
    assert (world.load().stable, alias(world)) == ("2", ("2", {"3": 0.05}))


# ------------------------------------------------------------------------------ operators
def test_pause_holds_the_share_and_resume_goes_on():
    """An operator holds a rollout while she looks."""
    world = baking()
    order(world, Verb.PAUSE)
    settle(world, later(61))
    world.verdict = verdict(Outcome.SAFE)
    settle(world, later(6000))
    assert alias(world) == ("1", {"2": 0.05})
    order(world, Verb.RESUME)
    settle(world, later(6001))
    settle(world, later(6601))
    assert alias(world) == ("1", {"2": 0.5})


def test_pause_while_verifying_resumes_there():
    """Paused before the golden cases ran, they still run."""
    world = world_with()
    tick(world, EPOCH)
    world.verification = None
    order(world, Verb.PAUSE)
    tick(world, EPOCH)
    order(world, Verb.RESUME)
    after, _ = advance(world.load(), world.observe(), EPOCH)
    assert after.phase is Phase.VERIFYING


def test_promote_needs_proof():
    """Without proof of safety, promote says what is missing."""
    world = baking()
    order(world, Verb.PROMOTE)
    settle(world, later(61))
    assert alias(world) == ("1", {"2": 0.05})
    assert "--skip-guard" in world.load().log[-1].reason


def test_hotfix_hatch_promotes_past_a_red_alarm_of_stable():
    """Stable burns; the fix goes out at once, on somebody's word, which is recorded."""
    world = baking()
    world.alarms["stable"] = alarm("1", since=-60, name="stable")
    order(world, Verb.PROMOTE, skip_guard=True)
    settle(world, later(10))
    entry = world.load().log[-1]
    assert alias(world) == ("2", {})
    assert (entry.actor, entry.reason) == ("amal", "because")


def test_hotfix_hatch_outranks_an_alarm_on_the_candidate():
    """The alarm is wrong, somebody knows it, and says so."""
    world = baking()
    order(world, Verb.PROMOTE, skip_guard=True)
    world.alarms["evidence"] = alarm()
    settle(world, later(10))
    assert alias(world) == ("2", {})


def test_hotfix_hatch_is_shut_while_nothing_can_be_recorded():
    """An audited hatch needs its audit."""
    world = baking()
    world.dark = ("s3",)
    order(world, Verb.PROMOTE, skip_guard=True)
    settle(world, later(10))
    assert alias(world) == ("1", {"2": 0.05})


def test_hotfix_hatch_waits_for_the_golden_cases():
    """It skips the guard, never the verification."""
    world = world_with()
    order(world, Verb.PROMOTE, skip_guard=True)
    settle(world, EPOCH)
    assert (world.load().phase, "2" in world.verified) == (Phase.PROMOTED, True)


def test_waived_promotion_is_not_undone_by_an_alarm():
    """Somebody took the decision out of the guard's hands; undo is theirs too."""
    world = baking()
    order(world, Verb.PROMOTE, skip_guard=True)
    settle(world, later(10))
    world.alarms["total failure"] = alarm(since=20, name="total failure")
    settle(world, later(30))
    assert alias(world) == ("2", {})


def test_abort_goes_back():
    """An operator has seen enough."""
    world = baking()
    order(world, Verb.ABORT)
    settle(world, later(61))
    assert (alias(world), world.load().outcome) == (("1", {}), "aborted")


def test_undo_within_the_window():
    """An hour later somebody finds out."""
    world = promoted()
    order(world, Verb.UNDO)
    settle(world, later(1200 + 3599))
    assert alias(world) == ("1", {})


def test_undo_after_the_window_refuses():
    """After the window the earlier version is released again instead."""
    world = promoted()
    order(world, Verb.UNDO)
    settle(world, later(1200 + 3600))
    assert alias(world) == ("2", {})
    assert "window is over" in world.load().log[-1].reason


def test_undo_without_its_target_refuses_and_pages():
    """The earlier version was deleted."""
    world = promoted()
    world.alias.delete("1")
    order(world, Verb.UNDO)
    settle(world, later(1300))
    assert (alias(world), world.notices[-1].is_page) == (("2", {}), True)


def test_undo_twice_refuses_and_pages():
    """A rollback is not rolled back."""
    world = promoted()
    order(world, Verb.UNDO)
    settle(world, later(1300))
    order(world, Verb.UNDO)
    settle(world, later(1301))
    assert (alias(world), world.notices[-1].is_page) == (("1", {}), True)


def test_command_for_another_version_is_refused():
    """She looked at version 2; by now version 3 is on its way."""
    world = baking()
    order(world, Verb.ABORT, version="9")
    settle(world, later(61))
    assert world.load().phase is Phase.BAKING
    assert world.load().log[-1].reason == "abort refused: it names version 9, the rollout is of 2"


@pytest.mark.parametrize("verb", [Verb.RESUME, Verb.UNDO])
def test_command_without_meaning_is_refused_once(verb):
    """The answer to a command that cannot be obeyed is given once."""
    world = baking()
    order(world, verb)
    settle(world, later(61))
    generation = world.load().generation
    settle(world, later(62))
    assert (world.load().log[-1].event, world.load().generation) == (Event.REFUSED, generation)


# ---------------------------------------------------------------------------- other plans
def test_all_at_once_bakes_with_everything():
    """All traffic moves, alarms still undo it until the bake is over."""
    world = baking(Plan(kind=PlanKind.ALL_AT_ONCE))
    assert alias(world) == ("2", {})
    settle(world, later(600))
    assert world.load().phase is Phase.PROMOTED


def test_all_at_once_rolls_back():
    """A red alarm during the bake brings the old version back."""
    world = baking(Plan(kind=PlanKind.ALL_AT_ONCE))
    world.alarms["errors"] = alarm(name="errors")
    settle(world, later(61))
    assert alias(world) == ("1", {})


def test_shadow_answers_nobody():
    """Copies only: the alias never names the candidate, however safe it looks."""
    world = baking(Plan(kind=PlanKind.SHADOW, shadow_share=0.1))
    assert world.shadow == "2"
    world.verdict = verdict(Outcome.SAFE)
    settle(world, later(600))
    assert (world.load().hold, world.shadow, world.alias.history) == (Hold.SHADOWED, "", [])


def test_shadow_asks_for_its_share_of_copies():
    """The sampled share is part of the plan."""
    world = world_with(Plan(kind=PlanKind.SHADOW, shadow_share=0.1))
    settle(world, EPOCH, ticks=1)
    _, actions = advance(world.load(), world.observe(), EPOCH)
    assert SetShadow(version="2", share=0.1, stable="1") in actions


def split(**changes):
    """A split at one half."""
    return Plan(kind=PlanKind.SPLIT, steps=(0.5,), **changes)


def observe_experiment(world, outcome, seconds):
    """Advance once with an experiment's decision."""
    after, _ = advance(world.load(), replace(world.observe(), experiment=outcome), later(seconds))
    return after


def test_split_holds_its_share():
    """Safe is not a verdict: the split waits for the experiment."""
    world = baking(split())
    world.verdict = verdict(Outcome.SAFE)
    settle(world, later(86_400))
    assert alias(world) == ("1", {"2": 0.5})


@pytest.mark.parametrize(
    ("plan", "outcome", "phase"),
    [
        (split(on_win=OnWin.PROMOTE), ExperimentOutcome.WINNER, Phase.PROMOTED),
        (split(on_win=OnWin.HOLD), ExperimentOutcome.WINNER, Phase.PAUSED),
        (split(), ExperimentOutcome.LOSER, Phase.ROLLED_BACK),
        (split(on_loss=OnLoss.HOLD), ExperimentOutcome.LOSER, Phase.PAUSED),
        (split(), ExperimentOutcome.NO_DIFFERENCE, Phase.BAKING),
    ],
)
def test_split_ends_with_its_experiment(plan, outcome, phase):
    """The experiment decides, the plan says what follows."""
    assert observe_experiment(baking(plan), outcome, 61).phase is phase


def test_lost_experiment_is_a_rollback():
    """A loser is an answer, not an open question."""
    assert observe_experiment(baking(split()), ExperimentOutcome.LOSER, 61).outcome == "rolled_back"


def test_split_ends_with_its_time():
    """No winner in time: back to stable."""
    after = observe_experiment(baking(split(max_duration_s=7200)), None, 7200)
    assert (after.phase, after.log[-1].cause) == (Phase.ROLLED_BACK, "max_duration")
    assert after.outcome == "inconclusive"


# ------------------------------------------------------------------------------- evidence
def test_segments_follow_the_share():
    """What is compared was served at one known share."""
    world = promoted()
    segments = [(s.share, s.since, s.until) for s in world.load().segments]
    assert segments == [(0.05, EPOCH, later(600)), (0.5, later(600), later(1200))]


def test_new_candidate_starts_without_evidence():
    """The last candidate's requests say nothing about this one."""
    world = baking()
    world.alias.published.add("3")
    world.desired = replace(world.desired, version="3", serial=2)
    tick(world, later(61))
    assert world.load().segments == ()


def test_evidence_is_published_on_every_tick():
    """The evidence alarm needs a figure each minute, decision or not."""
    world = baking()
    _, actions = advance(world.load(), world.observe(), later(61))
    assert actions == (PublishEvidence(log_evidence=-1.0),)


# ----------------------------------------------------------------------------- idempotence
def test_same_observation_decides_once():
    """A duplicated event finds nothing left to do."""
    world = baking()
    world.alarms["evidence"] = alarm()
    settle(world, later(61))
    before = world.load()
    after, actions = advance(before, world.observe(), later(61))
    assert (after, actions) == (before, ())


def test_clock_that_goes_back_neither_promotes_nor_fails():
    """Ten minutes back: the bake simply lasts longer."""
    world = baking()
    world.verdict = verdict(Outcome.SAFE)
    settle(world, later(-600))
    assert world.load().step == 0


def test_notices_survive_a_crash():
    """What was decided and not announced is announced on the next tick."""
    world = baking()
    rollout = replace(world.load())
    _, actions = advance(rollout, replace(world.observe(), notified_generation=0), later(61))
    notices = [action.generation for action in actions if isinstance(action, Notify)]
    assert notices == list(range(1, rollout.generation + 1))


def test_decision_is_recorded_first():
    """No status without its record."""
    world = world_with()
    after, actions = advance(world.load(), world.observe(), EPOCH)
    assert actions[0] == RecordDecision(generation=after.generation)


def test_foreign_hand_on_the_alias_is_put_right():
    """The controller is the share's only writer."""
    world = baking()
    world.alias.state = AliasState(version="1", weights={"2": 0.9}, revision_id="7")
    settle(world, later(61))
    assert alias(world) == ("1", {"2": 0.05})


def test_pruning_keeps_every_way_back():
    """Old versions go; stable, the candidate, the wish and three more stay."""
    world = promoted()
    world.alias.published |= {"10", "11"}
    world.desired = replace(world.desired, version="11", serial=2)
    rollout = replace(world.load(), phase=Phase.PROMOTED, release=world.desired, stable="10")
    seen = replace(
        world.observe(),
        alias=AliasState(version="11", weights={}, revision_id="9"),
        published=tuple(str(n) for n in range(1, 12)),
        notified_generation=rollout.generation,
    )
    _, actions = advance(rollout, seen, later(1200 + 3600))
    assert actions == (PruneVersions(versions=("1", "2", "3", "4", "5", "6")),)


def test_cooling_follows_a_rollback():
    """A candidate that was rolled back keeps no warm environments."""
    world = baking(min_warm=2)
    world.alarms["evidence"] = alarm()
    _, actions = advance(world.load(), world.observe(), later(61))
    assert ReleaseProvisionedConcurrency(version="2") in actions


# ---------------------------------------------------------------------------------- table
def test_every_phase_has_a_refusal_and_every_phase_is_reachable():
    """The table has no dead end that nobody can leave, and no phase nobody can enter."""
    entered = {to for (phase, event), to in TRANSITIONS.items() if event is not Event.REFUSED}
    assert entered == set(Phase) - {Phase.IDLE}
    assert {phase for phase, event in TRANSITIONS if event is Event.RELEASED} == set(Phase)
    assert {phase for phase, event in TRANSITIONS if event is Event.REFUSED} == set(Phase)


def test_status_survives_storage():
    """What DynamoDB gives back is what was decided on."""
    world = promoted(min_warm=1)
    text = canonical_json(world.load())
    assert decode(Rollout, json.loads(text)) == world.load()
