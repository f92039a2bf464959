"""A subject gets one arm, always the same, for a reason that is named."""

import subprocess
import sys

import pytest

from falaj.errors import ConfigurationError
from falaj.experiments import Allocation, Namespace, Reason, SubjectFault, assign
from falaj.experiments.hashing import bucket, in_namespace

HALVES = Allocation.even_keeled("greeting", {"control": 0.5, "warm": 0.5})
SUBJECTS = [f"user-{number}" for number in range(4_000)]


def arms_of(allocation, subjects=SUBJECTS):
    """Assign everyone."""
    return [assign(allocation, subject).arm for subject in subjects]


def test_subject_keeps_its_arm():
    """Asking twice gives the same arm."""
    assert arms_of(HALVES) == arms_of(HALVES)


def test_shares_are_met():
    """Three arms get about what they were promised."""
    thirds = Allocation.even_keeled("three", {"a": 0.6, "b": 0.3, "c": 0.1})

    arms = arms_of(thirds)

    counts = [arms.count(name) for name in "abc"]
    assert counts == pytest.approx([2_400, 1_200, 400], abs=130)


def test_another_experiment_splits_independently():
    """Knowing the arm in one experiment says nothing about another."""
    other = Allocation.even_keeled("farewell", {"control": 0.5, "warm": 0.5})

    same = sum(a == b for a, b in zip(arms_of(HALVES), arms_of(other), strict=True))

    assert same == pytest.approx(2_000, abs=160)


def test_growing_a_share_flips_nobody_back():
    """From 5 % to 50 % of subjects, the first 5 % stay where they were."""
    small = Allocation.even_keeled("ramp", {"control": 0.5, "warm": 0.5}, coverage=0.1)

    large = small.grown([0.5, 0.5])

    pairs = zip(arms_of(small), arms_of(large), strict=True)
    assert all(after == before for before, after in pairs if before is not None)


def test_uncovered_subject_takes_no_part():
    """Outside the coverage there is no arm and no exposure."""
    tenth = Allocation.even_keeled("small", {"a": 0.5, "b": 0.5}, coverage=0.1)

    found = [assign(tenth, subject) for subject in SUBJECTS]

    outside = [item for item in found if item.reason is Reason.NOT_COVERED]
    assert all(item.arm is None and not item.is_exposure for item in outside)
    assert len(outside) == pytest.approx(3_600, abs=80)


def test_disjoint_namespaces_share_no_subject():
    """Two experiments in one namespace never meet."""
    first = Allocation.even_keeled(
        "one", {"a": 0.5, "b": 0.5}, namespace=Namespace(name="page", start=0, end=0.4)
    )
    second = Allocation.even_keeled(
        "two", {"a": 0.5, "b": 0.5}, namespace=Namespace(name="page", start=0.4, end=1)
    )

    both = [s for s in SUBJECTS if assign(first, s).arm and assign(second, s).arm]
    neither = [s for s in SUBJECTS if not assign(first, s).arm and not assign(second, s).arm]

    assert (both, neither) == ([], [])
    assert assign(second, "1").arm is not None
    assert in_namespace("1", "page", 0.4, 1)


def test_holdout_is_the_same_people_in_every_experiment():
    """Whoever is held out is held out everywhere."""
    plans = [
        Allocation.even_keeled(key, {"a": 0.5, "b": 0.5}, holdout_share=0.1)
        for key in ("one", "two")
    ]

    held_out = [{s for s in SUBJECTS if assign(plan, s).reason is Reason.HOLDOUT} for plan in plans]

    assert held_out[0] == held_out[1] == {s for s in SUBJECTS if bucket("holdout", s) < 0.1}


def test_override_is_served_but_never_analysed():
    """A tester sees the arm she asked for and does not count."""
    plan = Allocation.even_keeled(
        "greeting", {"a": 0.5, "b": 0.5}, overrides={"tester": "b"}, holdout_share=0.99
    )

    answer = assign(plan, "tester")

    assert (answer.arm, answer.reason, answer.is_exposure) == ("b", Reason.OVERRIDE, False)


def test_held_arm_goes_before_the_hash():
    """With a bandit the shares move and the subject does not."""
    other = "warm" if assign(HALVES, "user-1").arm == "control" else "control"

    answer = assign(HALVES, "user-1", held=other)

    assert (answer.arm, answer.reason, answer.is_exposure) == (other, Reason.HELD, True)


def test_held_arm_that_is_gone_is_hashed_anew():
    """An arm of last month's experiment decides nothing."""
    assert assign(HALVES, "user-1", held="gone") == assign(HALVES, "user-1")


@pytest.mark.parametrize("fault", list(SubjectFault))
def test_missing_subject_gets_no_arm_and_a_named_reason(fault):
    """Without a subject nothing is guessed."""
    assert assign(HALVES, fault) == ("greeting", None, Reason.NO_SUBJECT, fault)


def test_allocation_reports_all_faults_at_once():
    """One refusal, every reason."""
    with pytest.raises(ConfigurationError) as refusal:
        Allocation(
            experiment="x",
            arms=("a",),
            slices=(),
            seed="x",
            hash_version=3,
            holdout_share=1.0,
            overrides={"u": "b"},
        )

    assert len(refusal.value.faults) == 3


def test_request_path_imports_no_third_party():
    """Assignment costs a cold start no numpy, scipy or orjson."""
    code = (
        "import sys, falaj.experiments, falaj.experiments.lifecycle, falaj.experiments.bandit\n"
        "print(sorted({'numpy', 'scipy', 'orjson', 'analysis', 'boto3'} & set(sys.modules)))"
    )

    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert shown.stdout.strip() == "[]"
