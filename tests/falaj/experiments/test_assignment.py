"""A subject gets one arm, always the same, for a reason that is named."""

import itertools
import subprocess
import sys

import pytest
from hypothesis import given, settings, strategies as st

from falaj.errors import ConfigurationError
from falaj.experiments import Allocation, Namespace, Reason, SubjectFault, assign
from falaj.experiments.hashing import QUICK, bucket, in_namespace

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


def test_the_pinned_packages_hash_in_c():
    """A deployment that lost the wheel would assign three times as slowly and say nothing."""
    assert QUICK is not None
    assert [QUICK(text) for text in (b"", b"a", b"foobar")] == [0x811C9DC5, 0xE40C292C, 0xBF9CF968]


@pytest.mark.parametrize(
    "package",
    ["None", "types.SimpleNamespace(fnv1a_32=lambda text: 1 / 0)"],
    ids=["no wheel", "no extension"],
)
def test_without_the_c_hash_everyone_has_the_same_arm(package):
    """Where there is no wheel, or one without its extension, Python's loop takes over."""
    code = (
        f"import sys, types; sys.modules['fnv_hash_fast'] = {package}\n"
        "from falaj.experiments import Allocation, assign, bucket\n"
        "from falaj.experiments.hashing import QUICK\n"
        "plan = Allocation.even_keeled('greeting', {'control': 0.5, 'warm': 0.5})\n"
        "arms = [assign(plan, f'user-{number}').arm for number in range(4_000)]\n"
        "print(QUICK, bucket('seed', 'a'), arms.count('warm'), *arms[:50])"
    )

    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    arms = arms_of(HALVES)
    expected = ["None", "0.0505", str(arms.count("warm")), *arms[:50]]
    assert shown.stdout.split() == expected


SPACES = st.sampled_from([(0.0, 0.3), (0.3, 1.0), (0.0, 1.0)])
LETTERS = st.characters(exclude_categories=["Cs", "Cc"])
ASCII = st.characters(min_codepoint=32, max_codepoint=126)
ANYONE = st.text(ASCII, min_size=1, max_size=60) | st.text(LETTERS, min_size=1, max_size=60)


@settings(max_examples=300, deadline=None)
@given(
    subject=ANYONE,
    seed=ANYONE,
    version=st.sampled_from([1, 2]),
    space=st.none() | SPACES,
    holdout=st.sampled_from([0.0, 0.2]),
)
def test_hashing_at_once_is_hashing_one_after_another(subject, seed, version, space, holdout):
    """The quick ways and the published functions agree on everyone, in every language."""
    name = "صفحة" if seed > subject else "page"
    namespace = Namespace(name=name, start=space[0], end=space[1]) if space else None
    plan = Allocation.even_keeled(
        "x",
        {"a": 0.3, "b": 0.3, "c": 0.4},
        coverage=0.9,
        seed=seed,
        hash_version=version,
        namespace=namespace,
        holdout_share=holdout,
    )

    found = assign(plan, subject)

    assert plan.chance().by_subject(None)(subject) == found
    if holdout and bucket("holdout", subject) < holdout:
        assert found.reason is Reason.HOLDOUT
    elif space and not in_namespace(subject, name, *space):
        assert found.reason is Reason.OTHER_EXPERIMENT
    else:
        assert found == plan.place(bucket(seed, subject, version))


@settings(max_examples=100, deadline=None)
@given(
    subjects=st.lists(ANYONE, min_size=1, max_size=50),
    steps=st.lists(st.floats(0, 0.15), min_size=1, max_size=3),
    arms=st.integers(2, 4),
    space=st.none() | SPACES,
)
def test_no_growth_flips_anybody(subjects, steps, arms, space):
    """However often and however unevenly shares grow, who has an arm keeps it."""
    namespace = Namespace(name="page", start=space[0], end=space[1]) if space else None
    shares = {f"arm-{number}": 1 / arms for number in range(arms)}
    plan = Allocation.even_keeled("x", shares, coverage=0.2, namespace=namespace)

    for turn, more in enumerate(steps):
        before = {subject: assign(plan, subject) for subject in subjects}
        grown = [plan.share(arm) for arm in plan.arms]
        grown[turn % arms] += min(more, 1 - sum(grown))
        plan = plan.grown(grown)
        for subject, was in before.items():
            if was.arm is not None:
                assert assign(plan, subject) == was


@settings(max_examples=100, deadline=None)
@given(subject=ANYONE, edges=st.lists(st.integers(1, 99), min_size=1, max_size=4, unique=True))
def test_a_namespace_is_shared_out_whole_and_once(subject, edges):
    """Every subject is in exactly one of the experiments that share a namespace out."""
    bounds = [0.0, *(edge / 100 for edge in sorted(edges)), 1.0]
    plans = [
        Allocation.even_keeled(
            f"x-{start}",
            {"a": 0.5, "b": 0.5},
            namespace=Namespace(name="page", start=start, end=end),
        )
        for start, end in itertools.pairwise(bounds)
    ]

    assert sum(assign(plan, subject).arm is not None for plan in plans) == 1


@settings(max_examples=100, deadline=None)
@given(subject=ANYONE, seeds=st.lists(ANYONE, min_size=2, max_size=4))
def test_the_holdout_holds_whatever_the_experiment(subject, seeds):
    """Who is held out of one experiment is held out of all of the same holdout."""
    plans = [
        Allocation.even_keeled("x", {"a": 0.5, "b": 0.5}, seed=seed, holdout_share=0.3)
        for seed in seeds
    ]

    assert len({assign(plan, subject).reason is Reason.HOLDOUT for plan in plans}) == 1


@given(subject=ANYONE, listed=ANYONE)
def test_only_who_is_listed_gets_an_override(subject, listed):
    """An override is for the names on the list; resembling one is not enough."""
    plan = Allocation.even_keeled("x", {"a": 0.5, "b": 0.5}, overrides={listed: "b"})

    assert (assign(plan, subject).reason is Reason.OVERRIDE) == (subject == listed)
