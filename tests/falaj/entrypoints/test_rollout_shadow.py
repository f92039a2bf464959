"""A shadow's rollout: who is told to copy, what the copies prove, and that no traffic moves."""

import pytest

from falaj.contract import decision_key, shadow_parameter
from falaj.domain.codec import decode
from falaj.domain.decision import DecisionRecord
from falaj.domain.rollout import Hold, Phase, Rollout
from falaj.domain.shadow import ShadowOrder
from falaj.errors import ControllerError
from falaj.guard import replay
from tests.falaj.rollout_region import FUNCTION, RolloutRegion

TICK = {"source": "aws.events", "detail-type": "Scheduled Event"}
WISH = {"detail-type": "Parameter Store Change", "detail": {"name": "/falaj/models/m/x"}}
PLAN = {
    "plan": "shadow",
    "bake": 600.0,
    "shadow_share": 0.25,
    "guard": {"objectives": ["error", "invalid_output"]},
}


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


def shadowing(region, **plan):
    """A controller whose candidate, version 2, is shown copies."""
    region.want("1")
    controller = region.controller()
    controller(WISH)
    region.release(plan=PLAN | plan)
    controller(WISH)
    assert status(controller).phase is Phase.BAKING
    return controller


def order(region):
    """Read the order as an environment does."""
    found = region.plain("ssm").get_parameter(Name=shadow_parameter("m"))
    return ShadowOrder.from_json(found["Parameter"]["Value"])


def copies(region, seconds, *, bad=0.0, differs=0.0, stable_bad=0.0):
    """Serve stable, and show a quarter of it to the shadow, each ten seconds."""
    for _ in range(seconds // 10):
        region.serve("1", requests=200, bad=round(200 * stable_bad))
        region.count("ShadowRequests", "2", 50.0)
        region.count("ShadowBad", "2", round(50 * bad))
        region.count("ShadowMismatch", "2", round(50 * differs))
        region.count("ShadowMatch", "2", 50 - round(50 * differs))
        region.clock.advance(10)


def crashes(region, count, *, qualifier):
    """Count invocations that ended without an answer, as Lambda does."""
    region.plain("cloudwatch").put_metric_data(
        Namespace="AWS/Lambda",
        MetricData=[
            {
                "MetricName": "Errors",
                "Dimensions": [
                    {"Name": "FunctionName", "Value": FUNCTION},
                    {"Name": "Resource", "Value": f"{FUNCTION}:{qualifier}"},
                ],
                "Timestamp": region.clock.now(),
                "Value": float(count),
            }
        ],
    )


def test_stable_is_told_to_copy_and_the_alias_stays(region):
    """One waking: golden cases, the order, no share."""
    shadowing(region)
    assert order(region) == ShadowOrder(stable="1", candidate="2", share=0.25)
    assert region.alias == ("1", {})


def test_good_shadow_waits_for_somebody_and_may_then_be_promoted(region):
    """on_win: hold. Copies end, and what they proved still counts an hour later."""
    controller = shadowing(region)
    copies(region, 700)
    controller(TICK)
    held = status(controller)
    assert (held.phase, held.hold) == (Phase.PAUSED, Hold.SHADOWED)
    assert (order(region), region.alias) == (None, ("1", {}))
    for _ in range(360):
        region.serve("1", requests=200)
        region.clock.advance(10)
    controller(command("promote"))
    assert (status(controller).phase, region.alias) == (Phase.PROMOTED, ("2", {}))


def test_good_shadow_takes_over_if_the_plan_says_so(region):
    """on_win: promote."""
    controller = shadowing(region, on_win="promote")
    copies(region, 700)
    controller(TICK)
    assert (status(controller).outcome, region.alias) == ("promoted", ("2", {}))
    assert order(region) is None


def test_bad_shadow_is_rolled_back_and_nobody_was_hurt(region):
    """Its own copies prove it; no caller ever met it."""
    controller = shadowing(region)
    copies(region, 120, bad=0.2)
    controller(TICK)
    ended = status(controller)
    assert (ended.phase, ended.log[-1].cause) == (Phase.ROLLED_BACK, "error")
    assert (order(region), region.alias) == (None, ("1", {}))


def test_shadow_that_crashes_is_rolled_back(region):
    """What dies leaves no line: Lambda's own errors of its version speak for it."""
    controller = shadowing(region)
    copies(region, 120)
    crashes(region, 20, qualifier="2")
    region.clock.advance(60)
    controller(TICK)
    assert status(controller).log[-1].cause == "error"


def test_shared_outage_is_not_held_against_a_shadow(region):
    """Both fail alike, by answers and by crashes: nothing is learned."""
    controller = shadowing(region)
    copies(region, 240, bad=0.3, stable_bad=0.3)
    crashes(region, 40, qualifier="live")
    crashes(region, 10, qualifier="2")
    region.clock.advance(60)
    controller(TICK)
    assert status(controller).phase is Phase.BAKING


def test_differing_answers_are_counted_without_judgement_by_default(region):
    """A new model is meant to differ."""
    controller = shadowing(region, on_win="promote")
    copies(region, 700, differs=0.5)
    controller(TICK)
    assert status(controller).outcome == "promoted"


def test_differing_answers_roll_back_where_the_plan_says_how_many(region):
    """At most one in a hundred may differ; two in a hundred is no reason, twenty are."""
    controller = shadowing(region, shadow_mismatch=0.01)
    copies(region, 180, differs=0.2)
    controller(TICK)
    assert status(controller).log[-1].cause == "mismatch"


def test_copies_that_do_not_arrive_are_named(region):
    """Stable was published before the model had such a plan: held, paged, with the question."""
    controller = shadowing(region)
    for _ in range(70):
        region.serve("1", requests=200)
        region.clock.advance(10)
    controller(TICK)
    held = status(controller)
    assert held.hold is Hold.INVALID
    assert "no copy came: was version 1 published with a shadow plan?" in held.log[-1].reason
    assert held.log[-1].is_page


def test_pause_stops_the_copies_and_resume_begins_them_again(region):
    """What was served in between is compared with nothing."""
    controller = shadowing(region, on_win="promote")
    copies(region, 300)
    controller(command("pause"))
    assert order(region) is None
    for _ in range(60):
        region.serve("1", requests=200)
        region.clock.advance(10)
    controller(command("resume"))
    assert order(region) == ShadowOrder(stable="1", candidate="2", share=0.25)
    copies(region, 700)
    controller(TICK)
    assert status(controller).outcome == "promoted"


def test_newer_release_ends_the_copies(region):
    """The order names the newer shadow, or nobody."""
    controller = shadowing(region)
    region.release(plan=PLAN)
    controller(WISH)
    assert order(region) == ShadowOrder(stable="1", candidate="3", share=0.25)


def test_parameter_store_dark_begins_nothing_and_is_told(region):
    """The order cannot be written: no copies, no evidence, and the next tick asks again."""
    region.want("1")
    controller = region.controller()
    controller(WISH)
    region.release(plan=PLAN)
    controller(WISH)
    region.dark.add("ssm")
    controller(command("abort"))
    assert region.alias == ("1", {})
    region.dark.clear()
    controller(TICK)
    assert order(region) is None


def test_bad_shadow_ends_while_dynamodb_is_dark(region):
    """The way back needs no table, and it ends the copies too; what is owed is told."""
    controller = shadowing(region)
    copies(region, 120, bad=0.5)
    region.dark.add("dynamodb")
    with pytest.raises(ControllerError, match="shadow of m"):
        controller(TICK)
    assert order(region) is None
    region.dark.clear()
    controller(TICK)
    assert status(controller).phase is Phase.ROLLED_BACK


def test_decision_on_a_shadow_can_be_made_again_offline(region):
    """The record holds the copies that were counted, differing answers included."""
    controller = shadowing(region, shadow_mismatch=0.01)
    copies(region, 180, differs=0.2)
    controller(TICK)
    generation = status(controller).generation
    record = DecisionRecord.from_json(region.records()[decision_key("m", generation)].decode())
    assert replay(record).differences == ()
