"""The controller makes true what stacks want, and what it does not know it does not risk."""

import json
from contextlib import suppress
from datetime import timedelta

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import ECDSA
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_der_public_key

from falaj.domain.codec import decode
from falaj.domain.decision import DecisionRecord, signed_statement
from falaj.domain.proof import ATTEMPTS
from falaj.domain.rollout import OUTAGE_PATIENCE_S, Event, Hold, Phase, Rollout
from falaj.errors import (
    ControllerError,
    DependencyError,
    MalformedRequestError,
    UnknownModelError,
)
from falaj.guard import replay
from tests.falaj.rollout_region import FUNCTION, PLAN, Crash, RolloutRegion

TICK = {"source": "aws.events", "detail-type": "Scheduled Event"}
WISH = {"detail-type": "Parameter Store Change", "detail": {"name": "/falaj/models/m/x"}}


@pytest.fixture
def region():
    """A region in which version 1 serves."""
    found = RolloutRegion()
    yield found
    found.close()


def status(controller):
    """Ask as the CLI does."""
    return decode(Rollout, controller({"query": {"model": "m"}})["status"])


def command(verb, **more):
    """What the CLI sends."""
    return {"command": {"model": "m", "verb": verb, "reason": "because", "actor": "amal"} | more}


def adopted(region, **wish):
    """A controller that has taken version 1 over."""
    region.want("1", **wish)
    controller = region.controller()
    controller(WISH)
    return controller


def canary(region, **wish):
    """A controller whose candidate, version 2, bakes at 5 %."""
    controller = adopted(region)
    region.release(**wish)
    controller(WISH)
    assert region.alias == ("1", {"2": 0.05})
    return controller


# ------------------------------------------------------------------------- the way up
def test_a_release_gets_its_first_share_in_one_waking(region):
    """A wish, golden cases and the first share take one event, not four minutes."""
    controller = canary(region)
    assert status(controller).phase is Phase.BAKING
    assert "2" in region.functions.verified


def test_a_good_candidate_is_promoted_step_by_step(region):
    """Safe at each share, by what CloudWatch counted: on to the next, and then all of it."""
    controller = canary(region)
    region.traffic(700, share=0.05, rps=20)
    controller(TICK)
    assert region.alias == ("1", {"2": 0.5})
    region.traffic(700, share=0.5, rps=20)
    controller(TICK)
    assert region.alias == ("2", {})
    assert status(controller).outcome == "promoted"


def test_a_bad_candidate_is_rolled_back_by_its_own_requests(region):
    """The guard needs no alarm: which version each bad event hit is enough."""
    controller = canary(region)
    region.traffic(90, share=0.05, rps=20, candidate_bad=1.0)
    controller(TICK)
    assert region.alias == ("1", {})
    assert status(controller).log[-1].cause == "error"


def test_a_shared_outage_rolls_nothing_back(region):
    """When both versions fail alike, nothing is learned about the candidate."""
    controller = canary(region)
    for _ in range(30):
        region.serve("2", requests=10, bad=10)
        region.serve("1", requests=190, bad=190)
        region.clock.advance(10)
    controller(TICK)
    assert region.alias == ("1", {"2": 0.05})


def test_a_red_alarm_puts_the_alias_back(region):
    """The alarm's event names its model; what is decided comes from what is, not from the event."""
    controller = canary(region)
    name = region.alarm("2")
    description = region.cloudwatch.alarms[name].description
    event = {
        "detail-type": "CloudWatch Alarm State Change",
        "detail": {"alarmName": name, "configuration": {"description": description}},
    }
    assert controller(event) == {"models": {"m": "rolled_back"}}
    assert region.alias == ("1", {})
    assert status(controller).log[-1].cause == name


def test_a_candidate_that_fails_its_golden_cases_gets_no_share(region):
    """A wrong answer to a known question ends the release before any caller meets it."""
    region.functions.broken["2"] = "output 'y' is 3.0 at 0, known is 2.0"
    controller = adopted(region)
    region.release()
    controller(WISH)
    assert region.functions.history == []
    last = status(controller).log[-1]
    assert (last.event, last.is_page) == (Event.UNVERIFIED, True)
    assert "output 'y' is 3.0 at 0, known is 2.0" in last.reason


def test_a_version_that_does_not_start_gets_no_share(region):
    """Altered bytes keep the function from starting, each time; the alias stays where it is."""
    region.functions.broken["2"] = "crash"
    controller = adopted(region)
    region.release()
    for event in (WISH, *[TICK] * (ATTEMPTS - 1)):
        controller(event)
        region.clock.advance(60)
    assert region.functions.history == []
    assert status(controller).phase is Phase.ROLLED_BACK
    assert "ArtefactError" in status(controller).log[-1].reason


def test_other_bytes_than_wanted_get_no_share(region):
    """The digest that the stack wants is the digest that must answer."""
    controller = adopted(region)
    region.release(model_digest="e" * 64)
    controller(WISH)
    assert "it serves bytes dddddddddddd…, wanted are eeeeeeeeeeee…" in (
        status(controller).log[-1].reason
    )


def test_a_version_that_answers_the_second_time_goes_on(region):
    """What kept it from starting is over; events that come twice use up no attempt."""
    region.functions.broken["2"] = "crash"
    controller = adopted(region)
    region.release()
    for event in (WISH, WISH, WISH, WISH):
        controller(event)
    assert status(controller).phase is Phase.VERIFYING
    assert "ArtefactError" in status(controller).blocked_by
    region.functions.broken.clear()
    region.clock.advance(60)
    controller(TICK)
    assert status(controller).phase is Phase.BAKING


def test_an_outage_at_the_golden_cases_blames_no_candidate(region):
    """Stable fails as well: asked again each minute, and the candidate goes on when it is over."""
    region.functions.is_out = True
    controller = adopted(region)
    region.release()
    controller(WISH)
    for _ in range(2 * ATTEMPTS):
        region.clock.advance(60)
        controller(TICK)
    assert status(controller).phase is Phase.VERIFYING
    assert status(controller).blocked_by.startswith("version 1 fails its golden cases as well")
    region.functions.is_out = False
    region.clock.advance(60)
    controller(TICK)
    assert status(controller).phase is Phase.BAKING


def test_a_long_outage_at_the_golden_cases_calls_somebody(region):
    """After half an hour it is held, not rolled back; resumed, the cases are asked anew."""
    region.functions.is_out = True
    controller = adopted(region)
    region.release()
    controller(WISH)
    region.clock.advance(OUTAGE_PATIENCE_S)
    controller(TICK)
    held = status(controller)
    assert (held.phase, held.hold, held.outcome) == (Phase.PAUSED, Hold.OUTAGE, "inconclusive")
    assert (held.log[-1].cause, held.log[-1].is_page) == ("outage", True)
    assert region.alias == ("1", {})
    region.functions.is_out = False
    controller(command("resume"))
    assert status(controller).phase is Phase.BAKING


def test_throttled_golden_cases_are_asked_again(region):
    """That Lambda cannot run it just now says nothing about the version."""
    region.functions.silent.add("2")
    controller = adopted(region)
    region.release()
    controller(WISH)
    assert status(controller).phase is Phase.VERIFYING
    region.functions.silent.clear()
    controller(TICK)
    assert status(controller).phase is Phase.BAKING


# ------------------------------------------------------------------------- operators
def test_a_command_is_answered_with_the_new_status(region):
    """The CLI shows what became of it without asking again."""
    controller = canary(region)
    answer = decode(Rollout, controller(command("abort"))["status"])
    assert (answer.phase, answer.log[-1].actor) == (Phase.ROLLED_BACK, "amal")
    assert region.alias == ("1", {})


def test_a_command_about_another_version_is_refused(region):
    """What an operator was looking at is what is acted on."""
    controller = canary(region)
    answer = decode(Rollout, controller(command("abort", version="1"))["status"])
    assert answer.log[-1].event is Event.REFUSED
    assert region.alias == ("1", {"2": 0.05})


def test_a_command_kept_before_a_crash_is_obeyed_after_it(region):
    """Commands are kept first and obeyed second."""
    controller = canary(region)
    region.dark.add("lambda")
    with pytest.raises(DependencyError):
        controller(command("abort"))
    region.dark.clear()
    region.controller()(TICK)
    assert region.alias == ("1", {})


def test_commands_are_obeyed_in_order(region):
    """A pause and a resume that waited together leave a rollout that goes on."""
    controller = canary(region)
    region.dark.add("lambda")
    for verb in ("pause", "resume"):
        with pytest.raises(DependencyError):
            controller(command(verb))
    region.dark.clear()
    controller(TICK)
    events = [entry.event for entry in status(controller).log]
    assert events[-3:] == [Event.PAUSED, Event.RESUMED, Event.SHIFTED]


def test_an_abort_does_not_wait_behind_a_promotion(region):
    """A hotfix promotion waits for golden cases; an abort after it does not."""
    region.functions.silent.add("2")
    controller = adopted(region)
    region.release()
    controller(WISH)
    controller(command("promote", skip_guard=True))
    answer = decode(Rollout, controller(command("abort"))["status"])
    assert answer.phase is Phase.ROLLED_BACK


def test_high_risk_waits_for_an_approver(region):
    """Nobody's approval is no approval; the approver is in the record."""
    controller = adopted(region)
    region.release(risk="high")
    controller(WISH)
    assert region.alias == ("1", {})
    assert status(controller).blocked_by == "a model of high risk needs an approver"
    controller(command("approve"))
    assert region.alias == ("1", {"2": 0.05})


@pytest.mark.parametrize(
    "asked",
    [
        {"command": {"model": "m", "verb": "explode", "reason": "r", "actor": "a"}},
        {"command": {"model": "m", "verb": "abort", "reason": " ", "actor": "a"}},
        {"command": {"model": "m", "verb": "abort", "reason": "r"}},
        {"command": {"model": "m", "verb": "abort", "reason": "r", "actor": "a", "version": "x"}},
        {"command": {"verb": "abort", "reason": "r", "actor": "a"}},
        {"command": {"model": "m", "verb": "pause", "reason": "r", "actor": "a",
                     "skip_guard": True}},
        {"query": {}},
        {"query": "m"},
    ],
)  # fmt: skip
def test_a_command_that_cannot_be_read_is_refused(region, asked):
    """Nothing is guessed from half a command."""
    with pytest.raises(MalformedRequestError):
        region.controller()(asked)


def test_a_model_nobody_knows_is_refused(region):
    """A typing error is not a status."""
    with pytest.raises(UnknownModelError):
        region.controller()({"query": {"model": "nobody"}})


# --------------------------------------------------------------------------- records
def test_every_decision_leaves_a_signed_record_that_replays(region):
    """The auditor recomputes the verdict offline and checks who signed it."""
    controller = canary(region)
    region.alarm("2")
    controller(TICK)
    kms = region.plain("kms")
    key = load_der_public_key(kms.get_public_key(KeyId=region.settings.signing_key)["PublicKey"])
    found = region.records()
    texts = {name: text for name, text in found.items() if name.endswith(".json")}
    assert len(texts) == status(controller).generation
    for name, text in texts.items():
        key.verify(found[name.replace(".json", ".sig")], signed_statement(text), ECDSA(SHA256()))
        assert replay(DecisionRecord.from_json(text.decode())).differences == ()


def test_people_are_told_of_each_decision_once(region):
    """One notice for each decision, however often the controller looks."""
    controller = canary(region)
    for _ in range(3):
        controller(TICK)
    told = region.told()
    assert len(told) == len(set(told)) == status(controller).generation
    assert told[0] == "m 1: adopted: version 1 serves already"


def test_a_webhook_that_is_gone_stops_nothing(region):
    """The rollback is done, the topic is told, and the receiver is tried again next time."""
    canary(region)
    region.plain("ssm").put_parameter(Name="/hook", Value="key", Type="SecureString")
    controller = region.controller(
        webhook_url="http://127.0.0.1:9/hook", webhook_key_parameter="/hook"
    )
    region.told()
    region.alarm("2")
    controller(TICK)
    assert region.alias == ("1", {})
    assert len(region.told()) == 1
    warnings = [json.loads(line) for line in region.lines if '"WARNING"' in line]
    assert "webhook did not take a notice" in warnings[0]["error"]


def test_a_topic_that_is_dark_stops_nothing(region):
    """The rollback is done; the notice comes once SNS answers, and once only."""
    controller = canary(region)
    region.told()
    region.dark.add("sns")
    region.alarm("2")
    with pytest.raises(ControllerError, match="sns did not take a notice"):
        controller(TICK)
    assert region.alias == ("1", {})
    region.dark.clear()
    controller(TICK)
    controller(TICK)
    assert len(region.told()) == 1


# --------------------------------------------------------------------------- runbook
def test_stable_version_deleted(region):
    """Harm pages and leaves traffic alone: there is nothing to go back to."""
    controller = canary(region)
    plane = region.functions.plane
    plane.update_alias(FUNCTION, "live", "2", weights={})  # by hand, so that 1 can be deleted
    plane.delete_function(FUNCTION, "1")
    region.alarm("2")
    controller(TICK)
    assert region.alias == ("2", {})
    assert status(controller).hold is Hold.STRANDED
    assert status(controller).log[-1].is_page


def test_rollback_of_a_rollback(region):
    """Stable turns red after a rollback: refused, paged once, traffic stays."""
    controller = canary(region)
    region.alarm("2")
    controller(TICK)
    region.clock.advance(60)
    region.alarm("1")
    controller(TICK)
    controller(TICK)
    assert region.alias == ("1", {})
    refusals = [entry for entry in status(controller).log if entry.event is Event.REFUSED]
    assert [entry.is_page for entry in refusals] == [True]


def test_two_controllers_at_once(region):
    """At every point of one's work another runs through: one rollback, one record each."""
    for point in range(0, 36, 7):
        controller = canary(region) if point == 0 else region.controller()
        if point:
            region.release()
            controller(WISH)
        version = status(controller).candidate
        assert region.alias == (status(controller).stable, {version: 0.05})
        region.alarm(version)
        other = region.controller()
        left = [point]

        def between(_, __, left=left, other=other):
            left[0] -= 1
            if left[0] == 0:
                region.on_request = None
                other(TICK)

        region.on_request = between
        controller(TICK)
        region.on_request = None
        assert region.alias == ("1", {})
        harmed = [e for e in status(controller).log if e.event is Event.HARMED]
        assert len(harmed) == len({e.generation for e in harmed})
        region.alarm(version, is_red=False)
    keys = [key for key in region.records() if key.endswith(".json")]
    assert not [key for key in keys if "late" in key]
    assert len(keys) == status(controller).generation


@pytest.mark.slow
def test_killed_before_any_of_its_writes(region):
    """Whatever was left undone is done by the next process: one record each, one rollback."""
    adopted(region)
    for point in range(0, 18, 2):
        version = region.release()
        _run_killed(region, point)
        region.clock.advance(7)
        fresh = region.controller()
        fresh(TICK)
        assert region.alias == ("1", {version: 0.05}), f"killed before write {point}"
        region.alarm(version)
        _run_killed(region, point // 2)
        region.clock.advance(7)
        fresh = region.controller()
        fresh(TICK)
        assert region.alias == ("1", {}), f"killed before write {point}"
        events = [e.event for e in status(fresh).log]
        began = len(events) - events[::-1].index(Event.RELEASED)
        assert events[began:].count(Event.HARMED) == 1, f"killed before write {point}"
        region.alarm(version, is_red=False)
    keys = [key for key in region.records() if key.endswith(".json")]
    assert sorted(keys) == sorted(
        f"decisions/m/{generation}.json" for generation in range(1, status(fresh).generation + 1)
    )


def _run_killed(region, point):
    """Run a controller whose process dies before its write number `point`."""
    left = [point]

    def kill(_, is_write):
        left[0] -= is_write
        if left[0] < 0:
            raise Crash

    region.on_request = kill
    with suppress(Crash):
        region.controller()(TICK)
    region.on_request = None


def test_dynamodb_dark(region):
    """A rollback needs no table: this process remembers, and saves when DynamoDB is back."""
    controller = canary(region)
    region.dark.add("dynamodb")
    region.alarm("2")
    controller(TICK)
    assert region.alias == ("1", {})
    region.dark.clear()
    controller(TICK)
    assert status(controller).phase is Phase.ROLLED_BACK
    assert [e.event for e in status(controller).log].count(Event.HARMED) == 1


def test_dynamodb_dark_for_a_process_that_has_just_started(region):
    """The newest record says where the rollout was."""
    canary(region)
    region.dark.add("dynamodb")
    region.alarm("2")
    region.controller()(TICK)
    assert region.alias == ("1", {})
    region.dark.clear()
    fresh = region.controller()
    region.alarm("2", is_red=False)
    fresh(TICK)
    assert region.alias == ("1", {}), "the share came back although the release was rolled back"
    assert status(fresh).phase is Phase.ROLLED_BACK


def test_nothing_is_promoted_while_dynamodb_is_dark(region):
    """What cannot be saved is not begun."""
    controller = canary(region)
    region.traffic(700, share=0.05, rps=20)
    region.dark.add("dynamodb")
    controller(TICK)
    assert region.alias == ("1", {"2": 0.05})


def test_ssm_dark(region):
    """Promotions freeze; a rollback knows its function from the status."""
    controller = canary(region)
    region.traffic(700, share=0.05, rps=20)
    region.dark.add("ssm")
    controller(TICK)
    assert region.alias == ("1", {"2": 0.05})
    assert status(controller).blocked_by == "ssm does not answer"
    region.alarm("2")
    region.controller()(TICK)
    assert region.alias == ("1", {})


@pytest.mark.parametrize("service", ["s3", "kms"])
def test_records_dark(region, service):
    """Promotions freeze; a rollback is done, and its record is written when the light is back."""
    controller = canary(region)
    region.traffic(700, share=0.05, rps=20)
    region.dark.add(service)
    controller(TICK)
    assert region.alias == ("1", {"2": 0.05})
    region.alarm("2")
    controller(TICK)
    assert region.alias == ("1", {})
    region.dark.clear()
    region.controller()(TICK)
    found = region.records()
    generation = status(controller).generation
    assert {f"decisions/m/{generation}.json", f"decisions/m/{generation}.sig"} <= found.keys()


@pytest.mark.parametrize("service", ["s3", "kms", "dynamodb"])
def test_nothing_is_finished_while_its_record_could_not_be_kept(region, service):
    """A share of one is no reason either: a promotion that nobody can sign waits."""
    controller = adopted(region)
    region.release(plan=PLAN | {"plan": "all_at_once"})
    controller(WISH)
    region.dark.add(service)
    for _ in range(10):
        region.traffic(70, share=1.0, rps=20)
        with suppress(ControllerError):
            controller(TICK)
    region.dark.clear()
    assert status(controller).phase is Phase.BAKING
    controller(TICK)
    assert status(controller).phase is Phase.PROMOTED


def test_cloudwatch_dark(region):
    """Without telemetry no share grows; neither safe nor inconclusive is said."""
    controller = canary(region)
    region.traffic(700, share=0.05, rps=20)
    region.dark.add("cloudwatch")
    with pytest.raises(ControllerError, match="heartbeat"):
        controller(TICK)
    assert region.alias == ("1", {"2": 0.05})


def test_alarm_red_before_the_rollout_begins(region):
    """An alarm that names another version does not stop a release."""
    controller = adopted(region)
    region.alarm("1")
    region.release()
    controller(WISH)
    assert region.alias == ("1", {"2": 0.05})


def test_stack_rolled_back_mid_canary(region):
    """CloudFormation wants stable back: the candidate is withdrawn."""
    controller = canary(region)
    region.want("1")
    controller(WISH)
    assert region.alias == ("1", {})
    events = [entry.event for entry in status(controller).log]
    assert events[-2:] == [Event.WITHDRAWN, Event.ADOPTED]


def test_newer_release_mid_canary(region):
    """It supersedes: stable takes over, then the newer one earns its share."""
    controller = canary(region)
    region.release()
    controller(WISH)
    assert region.alias == ("1", {"3": 0.05})
    assert region.functions.history[-2:] == [("1", {}), ("1", {"3": 0.05})]


def test_zero_traffic(region):
    """Silence is not safety: the bake is extended, then held and paged."""
    controller = canary(region, plan=PLAN | {"max_extensions": 1})
    for _ in range(4):
        region.clock.advance(601)
        controller(TICK)
    assert status(controller).hold is Hold.INCONCLUSIVE
    assert region.alias == ("1", {"2": 0.05})
    assert status(controller).log[-1].is_page


@pytest.mark.parametrize(
    ("bad", "alias", "cause"), [(0.0, ("2", {}), ""), (0.05, ("1", {}), "error")]
)
def test_everything_at_once(region, bad, alias, cause):
    """No stable beside it: more bad requests than are borne roll back, others are promoted."""
    controller = adopted(region)
    region.release(plan=PLAN | {"plan": "all_at_once"})
    controller(WISH)
    assert region.alias == ("2", {})

    for _ in range(10):
        region.traffic(70, share=1.0, rps=20, candidate_bad=bad)
        controller(TICK)
    assert region.alias == alias
    assert status(controller).log[-1].cause == cause


def test_one_request_an_hour(region):
    """Too little to know anything: inconclusive, with the comparison that says so."""
    controller = canary(region, plan=PLAN | {"bake": 3600.0, "max_extensions": 2})
    for _ in range(5):
        region.clock.advance(3599)
        region.serve("1", requests=1)
        region.clock.advance(2)
        controller(TICK)
    assert status(controller).hold is Hold.INCONCLUSIVE
    assert "candidate requests 0 < 100" in status(controller).verdict.reasons


# -------------------------------------------------------------------------- upkeep
def test_a_candidate_is_warm_before_it_gets_a_share(region):
    """No caller waits for a cold start that provisioned concurrency was paid to avoid."""
    controller = adopted(region)
    region.functions.unready.add("2")
    region.release(min_warm=2)
    controller(WISH)
    assert region.alias == ("1", {})
    assert region.functions.plane.share(FUNCTION).provisioned == {"2": 2}
    region.functions.unready.clear()
    controller(TICK)
    assert region.alias == ("1", {"2": 0.05})


def test_stable_stays_warm_until_the_window_ends(region):
    """The way back is kept warm as long as it may be taken, and no longer."""
    controller = adopted(region)
    region.functions.put_provisioned_concurrency(FUNCTION, "1", 2)
    region.release(min_warm=2)
    controller(WISH)
    controller(command("promote", skip_guard=True))
    assert region.functions.plane.share(FUNCTION).provisioned == {"1": 2, "2": 2}
    region.clock.advance(3600)
    controller(TICK)
    assert region.functions.plane.share(FUNCTION).provisioned == {"2": 2}


def test_old_versions_are_pruned_when_no_rollback_needs_them(region):
    """Versions within reach of a rollback, and a few more for people, are left."""
    controller = adopted(region)
    for _ in range(8):
        version = region.publish()
    region.want(version)
    controller(WISH)
    controller(command("promote", skip_guard=True))
    region.want(region.publish())
    controller(WISH)
    controller(command("promote", skip_guard=True))
    before = len(region.functions.plane.list_versions(FUNCTION))
    region.clock.advance(3601)
    controller(TICK)
    left = [view.version for view in region.functions.plane.list_versions(FUNCTION)]
    assert before - len(left) == 5
    assert left == ["$LATEST", "6", "7", "8", "9", "10"]


def test_a_function_that_takes_anothers_place_begins_anew(region):
    """Versions of the new function count from 1; nothing known of the old one holds."""
    controller = canary(region)
    region.functions.create("Predict-m-again")
    generation = status(controller).generation
    region.want("1", function="Predict-m-again")
    controller(WISH)
    found = status(controller)
    assert (found.phase, found.generation) == (Phase.PROMOTED, generation + 1)


def test_a_lost_table_begins_at_rest_with_a_new_generation(region):
    """The canary starts over from stable; no record is written twice."""
    controller = canary(region)
    generation = status(controller).generation
    region.plain("dynamodb").delete_item(TableName="rollouts", Key={"pk": {"S": "MODEL#m"}})
    fresh = region.controller()
    fresh(TICK)
    assert status(fresh).generation > generation
    assert region.alias == ("1", {"2": 0.05})
    assert ("1", {}) in region.functions.history


def test_every_tick_beats(region):
    """The heartbeat alarm sees that rounds are made."""
    controller = canary(region)
    controller(TICK)
    now = region.clock.now()
    found = region.plain("cloudwatch").get_metric_data(
        MetricDataQueries=[
            {
                "Id": "h",
                "MetricStat": {
                    "Metric": {"Namespace": "Falaj", "MetricName": "Heartbeat"},
                    "Period": 60,
                    "Stat": "Sum",
                },
            }
        ],
        StartTime=now - timedelta(minutes=1),
        EndTime=now + timedelta(minutes=1),
    )
    assert found["MetricDataResults"][0]["Values"] == [1.0]


def test_one_model_that_fails_does_not_stop_the_others(region):
    """A wish nobody can read is named; the rest is looked after."""
    controller = adopted(region)
    region.release()
    region.plain("ssm").put_parameter(
        Name="/falaj/models/broken/desired-release", Value="{}", Type="String"
    )
    with pytest.raises(ControllerError, match=r"broken: .*not a desired release"):
        controller(TICK)
    assert region.alias == ("1", {"2": 0.05})


def test_a_wish_nobody_can_read_stops_no_rollback(region):
    """The way back needs the status, not what the stack has just written."""
    controller = canary(region)
    region.plain("ssm").put_parameter(
        Name="/falaj/models/m/desired-release", Value="{}", Type="String", Overwrite=True
    )
    region.alarm("2")
    controller(WISH)
    assert region.alias == ("1", {})


def test_models_at_rest_cost_nothing_each_minute(region):
    """A round over settled models reads the lists and no more."""
    controller = adopted(region)
    region.clock.advance(24 * 3600)
    controller(TICK)
    region.requests.clear()
    controller(TICK)
    assert [service for service, _ in region.requests] == [
        "ssm", "dynamodb", "cloudwatch", "cloudwatch",
    ]  # fmt: skip


def test_log_lines_say_what_was_decided(region):
    """On-call reads decisions in the log, one JSON line each."""
    canary(region)
    lines = [json.loads(line) for line in region.lines]
    assert lines[-1]["message"] == "shifted: share 0.05 is in place"
    assert (lines[-1]["model"], lines[-1]["release"]) == ("m", "2")
