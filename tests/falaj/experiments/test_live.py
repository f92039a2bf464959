"""What runs is one small text, read back exactly, in which nobody is in two experiments."""

from dataclasses import replace

import pytest
from hypothesis import given, strategies as st

from falaj.errors import ConfigurationError
from falaj.experiments import Allocation, Namespace, SubjectSource, Where, assign
from falaj.experiments.live import (
    LATE_LOGS,
    LIMIT_BYTES,
    LiveExperiment,
    LiveExperiments,
    LiveSplit,
    Promotion,
)
from falaj.experiments.metrics import Kind, Metric
from falaj.experiments.spec import Arm, ExperimentSpec

HEADER = SubjectSource(where=Where.HEADER, name="x-user")
SPLIT = LiveSplit(key="page", arms={"12": "a", "13": "b"}, since=1_790_000_000.5)


def live(name="one", *, space=None, source=HEADER, **rest):
    """A running sticky experiment, in a part of a namespace."""
    namespace = Namespace(name="page", start=space[0], end=space[1]) if space else None
    allocation = Allocation.even_keeled(name, {"a": 0.5, "b": 0.5}, namespace=namespace, **rest)
    return LiveExperiment(allocation=allocation, subject=source, versions={"b": 2})


@given(
    coverage=st.floats(0.01, 1),
    version=st.sampled_from([1, 2]),
    holdout=st.floats(0, 0.9),
    space=st.none() | st.just((0.25, 0.75)),
    listed=st.dictionaries(st.text(min_size=1, max_size=9), st.sampled_from("ab"), max_size=5),
    subjects=st.lists(st.text(min_size=1, max_size=20), max_size=9),
)
def test_what_is_written_assigns_alike(coverage, version, holdout, space, listed, subjects):
    """The request path gives everyone the arm that the control side meant."""
    one = live(
        space=space,
        coverage=coverage,
        hash_version=version,
        holdout_share=holdout,
        overrides=listed,
        seed="سلام",
    )

    read = LiveExperiments.from_json(LiveExperiments(sticky=(one,), split=SPLIT).to_json())

    assert read == LiveExperiments(sticky=(one,), split=SPLIT)
    for subject in [*subjects, *listed]:
        assert assign(read.sticky[0].allocation, subject) == assign(one.allocation, subject)


def test_nothing_is_nothing():
    """An empty text of JSON is nobody's experiment."""
    assert LiveExperiments.from_json("{}") == LiveExperiments()
    assert LiveExperiments().to_json() == "{}"


@pytest.mark.parametrize("text", ["", "[]", "7", '{"sticky": [{}]}', '{"split": {"key": 1}}'])
def test_another_text_is_refused(text):
    """Whatever somebody else wrote is not half read."""
    with pytest.raises(ConfigurationError):
        LiveExperiments.from_json(text)


@pytest.mark.parametrize(
    ("second", "reason"),
    [
        (live("two"), "one namespace"),
        (live("two", space=(0.4, 1)), "overlap"),
        (live("one", space=(0.5, 1)), "one name"),
        (
            live("two", space=(0.5, 1), source=SubjectSource(where=Where.CLAIM, name="sub")),
            "different places",
        ),
    ],
)
def test_two_that_could_share_a_subject_do_not_run_together(second, reason):
    """One version answers a request, so one experiment at most decides which."""
    first = live(space=(0, 0.5))

    with pytest.raises(ConfigurationError, match=reason):
        LiveExperiments(sticky=(first, second))


def test_experiments_come_and_go():
    """Starting one replaces its like and leaves the others; stopping takes either kind out."""
    both = LiveExperiments(sticky=(live(space=(0, 0.5)),)).with_sticky(live("two", space=(0.5, 1)))
    grown = both.with_sticky(both.sticky[0].grown([0.5, 0.5]))

    assert [each.key for each in grown.sticky] == ["two", "one"]
    assert [each.key for each in grown.without("two", at=9.0).sticky] == ["one"]
    promoted = LiveExperiments(promotion=Promotion(version=2, instead_of=1))
    assert promoted.without("x", at=9.0).promotion


def test_a_split_that_ended_is_known_for_a_while():
    """Lines that come late find the arm they were of; the parameter does not fill up."""
    began = SPLIT.since
    ended = LiveExperiments(split=SPLIT).without("page", at=began + 90)
    moments = (began - 1, began, began + 89, began + 90)

    (known,) = LiveExperiments.from_json(ended.to_json()).splits
    assert [known.arm_of("12", at) for at in moments] == [None, "a", "a", None]
    assert known.arm_of("14", began) is None
    for number in range(9):
        again = ended.with_split(replace(SPLIT, key=f"page-{number}"))
        ended = again.without(f"page-{number}", at=began + 100 + number)
    assert [each.key for each in ended.splits] == [f"page-{number}" for number in (5, 6, 7, 8)]
    later = began + 200 + LATE_LOGS.total_seconds()
    assert [each.key for each in ended.with_split(SPLIT).without("page", at=later).splits] == [
        "page"
    ]


def test_a_text_that_no_parameter_holds_is_refused():
    """A standard parameter takes 4 KB, and the sentence says what to do."""
    many = {f"tester-{number:05d}": "a" for number in range(LIMIT_BYTES // 10)}

    with pytest.raises(ConfigurationError, match="declare fewer overrides"):
        LiveExperiments(sticky=(live(overrides=many),)).to_json()


def test_versions_belong_to_arms():
    """A slip in an arm's name is told when it is made."""
    with pytest.raises(ConfigurationError, match="no arms: c"):
        LiveExperiment(
            allocation=Allocation.even_keeled("x", {"a": 0.5, "b": 0.5}),
            subject=HEADER,
            versions={"c": 2},
        )


def test_a_request_level_experiment_assigns_no_subject():
    """The alias decides there."""
    spec = ExperimentSpec(
        name="page",
        model="m",
        arms=(Arm(name="a", share=0.5), Arm(name="b", share=0.5)),
        metrics=(Metric(name="clicked", kind=Kind.BINARY),),
    )

    with pytest.raises(ConfigurationError, match="its unit is not the subject"):
        LiveExperiment.of(spec)
