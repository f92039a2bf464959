"""A plan that cannot work is refused with every reason."""

import pytest

from falaj.domain.plan import GuardSettings, OnInconclusive, Plan, PlanKind, Release
from falaj.domain.release import DesiredRelease
from falaj.errors import ConfigurationError


def test_plan_reads_the_catalogues_words():
    """The keys of model.yaml, with durations in seconds, as the stack writes them."""
    plan = Plan.from_dict(
        {
            "plan": "split",
            "steps": [0.1, 0.5],
            "bake": 300.0,
            "guard": {"false_rollback": 0.05, "objectives": ["error"]},
            "on_inconclusive": "hold",
            "on_win": "promote",
            "on_loss": "hold",
            "max_duration": 86400.0,
        }
    )
    assert (plan.kind, plan.steps, plan.bake_s) == (PlanKind.SPLIT, (0.1, 0.5), 300.0)
    assert plan.guard == GuardSettings(false_rollback=0.05, objectives=("error",))
    assert plan.on_inconclusive is OnInconclusive.HOLD


def test_release_reads_what_the_stack_wrote():
    """The SSM parameter's own version number orders the wishes."""
    desired = DesiredRelease(
        model="churn",
        function="f",
        release="12",
        model_version=3,
        model_digest="ab",
        timeout_s=10,
        min_warm=1,
        risk="high",
        plan={"plan": "all_at_once", "steps": [0.05]},
    )
    release = Release.from_desired(desired, serial=7)
    assert (release.version, release.serial, release.min_warm) == ("12", 7, 1)
    assert release.plan.shares == (1.0,)


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"steps": ()}, "release.steps is empty"),
        ({"steps": (0.5, 0.1)}, "each is larger than the one before"),
        ({"steps": (0.0, 1.0)}, "0.0 is not between 0 and 1; release.steps: 1.0 is not"),
        ({"bake_s": 30.0}, "release.bake 30 s: at least 60 s"),
        ({"max_extensions": -1}, "release.max_extensions"),
        ({"max_duration_s": 60.0}, "release.max_duration is shorter than the bake"),
        ({"shadow_share": 0.0}, "release.shadow_share"),
        ({"rollback_window_s": -1.0}, "release.rollback_window"),
    ],
)
def test_impossible_plans_are_refused(changes, sentence):
    """The sentence names the key."""
    with pytest.raises(ConfigurationError) as refusal:
        Plan(**changes)
    assert sentence in str(refusal.value)


def test_all_faults_are_told_at_once():
    """One look, one mend."""
    with pytest.raises(ConfigurationError) as refusal:
        Plan(steps=(), bake_s=1.0, shadow_share=2.0)
    assert len(refusal.value.faults) == 3


@pytest.mark.parametrize(
    ("value", "sentence"),
    [
        ({"stepz": [0.1]}, "release.stepz is not known"),
        ({"plan": "bluegreen"}, "'bluegreen' is not a valid PlanKind"),
        ({"guard": {"objectives": ["speed"]}}, "'speed' is not known, choose from error"),
        ({"guard": {"false_rollback": 0}}, "guard.false_rollback 0"),
        ({"guard": {"objectives": []}}, "name at least one"),
        ({"guard": {"minimum_requests": 0}}, "guard.minimum_requests 0"),
        ({"guard": {"alpha": 1}}, "alpha"),
    ],
)
def test_unreadable_plans_are_refused(value, sentence):
    """A misspelt key changes nothing silently."""
    with pytest.raises(ConfigurationError) as refusal:
        Plan.from_dict(value)
    assert sentence in str(refusal.value)


@pytest.mark.parametrize("version", ["$LATEST", "", "-1", "٣"])
def test_release_names_a_published_version(version):
    """An alias may not point at what can still change."""
    with pytest.raises(ConfigurationError, match="LATEST"):
        Release(model="m", serial=1, version=version)
