"""States of experiments and what runs: kept under conditions, read back as they were."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from falaj.aws.experiment_store import ExperimentStore
from falaj.aws.live_experiments import LiveExperimentsParameter
from falaj.aws.pseudonym_key import derive_key
from falaj.contract import experiments_parameter
from falaj.errors import ConfigurationError, DependencyError, LostRaceError
from falaj.experiments import SubjectSource, Where
from falaj.experiments.lifecycle import Command, Evidence, ExperimentState, Verdict, advance
from falaj.experiments.live import LiveExperiment, LiveExperiments, LiveSplit, Promotion
from falaj.experiments.metrics import Kind, Metric
from falaj.experiments.spec import Arm, ExperimentSpec, Unit
from tests.falaj.experiment_region import STATES, experiment_region

NOW = datetime(2026, 11, 22, tzinfo=UTC)


@pytest.fixture
def region():
    """An empty account."""
    with experiment_region() as opened:
        yield opened


@pytest.fixture
def store(region):
    """The table of experiments."""
    return ExperimentStore(region.client("dynamodb"), STATES)


def _state(name="greeting", model="tashkeel", **rest):
    spec = ExperimentSpec(
        name=name,
        model=model,
        arms=(Arm(name="a", share=0.5), Arm(name="b", share=0.5, model_version=2)),
        metrics=(Metric(name="clicked", kind=Kind.BINARY),),
        unit=Unit.SUBJECT,
        subject=SubjectSource(where=Where.HEADER, name="x-user"),
    )
    return ExperimentState(spec=spec, **rest)


def test_a_state_is_read_back(store):
    """What was decided on is what is stored."""
    started, _ = advance(_state(), Evidence(command=Command.START), NOW)

    store.put(started, expected_generation=None)

    assert store.get("tashkeel", "greeting") == started
    assert store.get("tashkeel", "other") is None


def test_two_writers_do_not_overwrite_each_other(store):
    """Whoever read an older generation loses, and reads again."""
    first = _state()
    store.put(first, expected_generation=None)
    second = replace(first, generation=1, verdict=Verdict.INVALID)
    store.put(second, expected_generation=0)

    with pytest.raises(LostRaceError):
        store.put(replace(first, generation=1), expected_generation=0)
    with pytest.raises(LostRaceError):
        store.put(first, expected_generation=None)
    assert store.get("tashkeel", "greeting") == second


def test_states_are_listed_by_model(store):
    """A model's experiments are its own, whatever another model's name begins with."""
    for model, name in [("tashkeel", "b"), ("tashkeel", "a"), ("tashkeel-2", "c")]:
        store.put(_state(name, model), expected_generation=None)

    assert [state.spec.name for state in store.list("tashkeel")] == ["a", "b"]
    assert [state.spec.name for state in store.list()] == ["a", "b", "c"]


def test_a_table_that_is_gone_is_said_so(region):
    """Darkness is an error with a name, not an experiment that does not exist."""
    store = ExperimentStore(region.client("dynamodb"), "NoSuchTable")

    with pytest.raises(DependencyError):
        store.get("tashkeel", "greeting")


def test_what_runs_is_read_back(region):
    """Requests see exactly what the control side wrote."""
    parameter = LiveExperimentsParameter(region.client("ssm"))
    live = LiveExperiments(
        sticky=(LiveExperiment.of(_state().spec),),
        split=LiveSplit(key="page", arms={"12": "a", "13": "b"}, since=NOW.timestamp()),
        promotion=Promotion(version=2, instead_of=1),
    )

    assert parameter.read("tashkeel") == LiveExperiments()
    parameter.write("tashkeel", live)
    assert parameter.read("tashkeel") == live
    ended = live.without("page", at=NOW.timestamp() + 60)
    parameter.write("tashkeel", ended)
    assert parameter.read_named(experiments_parameter("tashkeel")) == ended


def test_an_unreadable_parameter_is_said_so(region):
    """Somebody else's text is refused, and what was known stays known."""
    name = experiments_parameter("tashkeel")
    region.client("ssm").put_parameter(Name=name, Value="[]", Type="String")

    with pytest.raises(ConfigurationError, match="not the running experiments"):
        LiveExperimentsParameter(region.client("ssm")).read("tashkeel")


def test_the_key_of_pseudonyms_is_derived_and_never_differs(region):
    """Every environment names a subject alike; another purpose names it otherwise."""
    kms = region.client("kms")
    key = kms.create_key(KeySpec="HMAC_256", KeyUsage="GENERATE_VERIFY_MAC")["KeyMetadata"]

    derived = {derive_key(kms, key["KeyId"], "experiments/tashkeel") for _ in range(3)}

    assert len(derived) == 1
    assert len(*derived) == 32
    assert derived != {derive_key(kms, key["KeyId"], "experiments/file-type")}
    with pytest.raises(DependencyError, match="pseudonyms"):
        derive_key(kms, "no-such-key", "experiments/tashkeel")
