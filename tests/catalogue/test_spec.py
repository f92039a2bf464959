"""A specification that exists is one that Lambda and the controller accept."""

from datetime import timedelta

import pytest

from catalogue.errors import InvalidSpecError
from catalogue.spec import (
    BatchingPolicy,
    CachePolicy,
    Compute,
    Fallback,
    GuardSettings,
    ModelSpec,
    Objective,
    PlanKind,
    ReleasePlan,
    ServingEngine,
    Target,
)


def minimal(**changes) -> ModelSpec:
    """Make a specification with nothing but what is required."""
    required = {"name": "churn", "version": 1, "owner": "crm", "description": "Who may leave"}
    return ModelSpec(**(required | changes))


def refused(make) -> list[str]:
    """Return the sentences with which a value is refused."""
    with pytest.raises(InvalidSpecError) as caught:
        make()
    return list(caught.value.faults)


def test_defaults_are_safe():
    """Four lines give a guarded canary on one vCPU, with batching and cache off."""
    spec = minimal()
    assert (spec.compute.target, spec.compute.memory_mib) == (Target.LAMBDA, 1769)
    assert (spec.release.plan, spec.release.steps) == (PlanKind.CANARY, (0.05, 0.25, 0.5))
    assert spec.release.guard.objectives == tuple(Objective)
    assert (spec.batching, spec.cache.enabled) == (None, False)
    assert spec.scopes == ("model:churn:invoke",)


def test_a_function_keeps_no_answers():
    """A cache that nobody would fill is not silently ignored."""
    (fault,) = refused(lambda: minimal(cache=CachePolicy(enabled=True)))
    assert (
        fault
        == "cache: functions keep no answers; remove it or set compute.target: gpu or container"
    )


def test_default_version_comes_first():
    """The function holds every served version; the first answers unasked."""
    assert minimal(version=3, also_serve=(1, 2)).versions == (3, 1, 2)


@pytest.mark.parametrize(
    ("setting", "value", "sentence"),
    [
        ("memory_mib", 127, "memory_mib: 127 is outside 128 to 10,240 (Lambda's limits)"),
        ("memory_mib", 10_241, "memory_mib: 10,241 is outside 128 to 10,240"),
        ("timeout_s", 0, "timeout_s: 0 is outside 1 to 900"),
        ("timeout_s", 901, "timeout_s: 901 is outside 1 to 900"),
        ("ephemeral_storage_mib", 511, "ephemeral_storage_mib: 511 is outside 512 to 10,240"),
        ("ephemeral_storage_mib", 10_241, "ephemeral_storage_mib: 10,241 is outside"),
        ("threads", 7, "threads: 7 is outside 1 to 6"),
        ("min_warm", -1, "min_warm: -1 is outside 0 or more"),
        ("reserved_concurrency", -1, "reserved_concurrency: -1 is outside 0 or more"),
    ],
)
def test_lambda_limits_hold(setting, value, sentence):
    """What Lambda would refuse at deployment is refused on reading."""
    assert refused(lambda: Compute(**{setting: value}))[0].startswith(sentence)


@pytest.mark.parametrize(
    "edge",
    [
        {"memory_mib": 128},
        {"memory_mib": 10_240},
        {"timeout_s": 900},
        {"ephemeral_storage_mib": 10_240},
        {"min_warm": 3, "reserved_concurrency": 3},
        {"reserved_concurrency": 0},
        {"snap_start": True, "ephemeral_storage_mib": 512},
    ],
)
def test_what_lambda_takes_is_taken(edge):
    """The limits themselves are inside."""
    assert all(getattr(Compute(**edge), key) == value for key, value in edge.items())


@pytest.mark.parametrize(
    ("settings", "key"),
    [
        ({"snap_start": True, "min_warm": 1}, "snap_start"),
        ({"snap_start": True, "ephemeral_storage_mib": 1024}, "snap_start"),
        ({"min_warm": 5, "reserved_concurrency": 4}, "min_warm"),
        ({"engine": ServingEngine.TRITON}, "engine"),
        ({"fallback": Fallback.LAMBDA}, "fallback"),
        ({"target": Target.GPU, "snap_start": True}, "snap_start"),
        ({"target": Target.GPU, "reserved_concurrency": 4}, "reserved_concurrency"),
    ],
)
def test_combinations_that_aws_refuses_are_refused(settings, key):
    """The sentence begins with the key to change."""
    assert refused(lambda: Compute(**settings))[0].startswith(f"{key}: ")


def test_all_faults_of_a_part_come_at_once():
    """Nobody mends one line to be told of the next."""
    faults = refused(lambda: Compute(memory_mib=1, timeout_s=0, snap_start=True, min_warm=1))
    assert len(faults) == 3


@pytest.mark.parametrize(
    "steps", [(0.0,), (1.0,), (-0.1,), (0.5, 0.5), (0.5, 0.1), (float("nan"),), ()]
)
def test_shares_grow_between_nothing_and_all(steps):
    """A step of 0 or 1, or one that does not grow, is a slip."""
    assert refused(lambda: ReleasePlan(steps=steps))[0].startswith("steps: ")


def test_all_at_once_needs_no_steps():
    """A plan without shares has none."""
    assert ReleasePlan(plan=PlanKind.ALL_AT_ONCE, steps=()).steps == ()


def test_bake_is_longer_than_what_is_set_aside():
    """Of a bake of a minute the guard would see nothing."""
    (fault,) = refused(lambda: ReleasePlan(bake=timedelta(seconds=119)))
    assert "1m59s is outside 2m or more (the guard sets aside the first minute" in fault


@pytest.mark.parametrize(
    "wrong",
    [
        {"max_extensions": -1},
        {"shadow_share": 0.0},
        {"shadow_share": 1.5},
        {"rollback_window": timedelta(seconds=-1)},
    ],
)
def test_what_the_controller_would_refuse_is_refused_here(wrong):
    """A plan that no controller takes never reaches a template."""
    assert len(refused(lambda: ReleasePlan(**wrong))) == 1


@pytest.mark.parametrize("probability", [0.0, -0.1, 0.51, float("nan")])
def test_false_rollback_is_a_small_probability(probability):
    """Above a half the guard would be a coin."""
    assert refused(lambda: GuardSettings(false_rollback=probability))


def test_guard_watches_something():
    """A guard without objectives never fires."""
    assert "name at least one" in refused(lambda: GuardSettings(objectives=()))[0]


@pytest.mark.parametrize("name", ["", "Churn", "1churn", "churn-", "ch_urn", "a" * 64, "é"])
def test_name_is_a_dns_label(name):
    """The name is part of paths, metric dimensions and parameter names."""
    assert "DNS label" in refused(lambda: minimal(name=name))[0]


@pytest.mark.parametrize("changes", [{"also_serve": (1,)}, {"also_serve": (2, 2)}])
def test_version_is_served_once(changes):
    """A version twice in one function is a slip."""
    assert "also_serve" in refused(lambda: minimal(**changes))[0]


def test_batching_on_lambda_is_refused():
    """An environment takes one request at a time: there is nothing to join."""
    assert "one request at a time" in refused(lambda: minimal(batching=BatchingPolicy()))[0]


def test_batching_on_the_container_is_taken():
    """There, requests meet."""
    spec = minimal(batching=BatchingPolicy(), compute=Compute(target=Target.GPU))
    assert spec.batching is not None


def test_preferred_batch_fits_the_largest():
    """A preferred size above the maximum is never reached."""
    assert refused(lambda: BatchingPolicy(max_batch_size=8, preferred_batch_size=(16,)))
