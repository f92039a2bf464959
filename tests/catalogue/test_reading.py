"""Every fault of every model.yaml is reported at once, with file and line."""

from datetime import timedelta

import pytest
from hypothesis import HealthCheck, given, settings, strategies as st

from catalogue.reading import load_catalogue
from catalogue.settings import read_duration
from catalogue.spec import Objective, Target
from falaj.errors import ConfigurationError

MINIMAL = "name: {0}\nversion: 1\nowner: crm\ndescription: Who may leave\n"


@pytest.fixture
def entry(models_root):
    """Write a model.yaml with a version folder 1; return the catalogue's folder."""

    def write(text, name="churn"):
        (models_root / name / "1").mkdir(parents=True, exist_ok=True)
        (models_root / name / "model.yaml").write_text(text, encoding="utf-8")
        return models_root

    return write


def faults(root) -> list[str]:
    """Return the faults of a catalogue, file names shortened."""
    with pytest.raises(ConfigurationError) as caught:
        load_catalogue(root)
    return [fault.removeprefix(f"{root}/") for fault in caught.value.faults]


def test_four_lines_are_enough(entry):
    """A minimal file is a model."""
    spec = load_catalogue(entry(MINIMAL.format("churn"))).model("churn")
    assert (spec.owner, spec.compute.target) == ("crm", Target.LAMBDA)


def test_whole_file_is_read(entry):
    """Every kind of value arrives as its type."""
    text = MINIMAL.format("churn") + (
        "compute: {target: gpu, threads: 2, reserved_concurrency: null}\n"
        "batching: {max_batch_size: 16, preferred_batch_size: [4, 8]}\n"
        "release:\n  plan: split\n  steps: [0.1, 0.5]\n  bake: 1h30m\n"
        "  guard: {objectives: [error]}\naccess: {scopes: ['model:churn:invoke']}\n"
    )
    spec = load_catalogue(entry(text)).models[0]
    assert spec.compute.threads == 2
    assert spec.batching is not None
    assert spec.batching.preferred_batch_size == (4, 8)
    assert spec.release.bake == timedelta(minutes=90)
    assert spec.release.guard.objectives == (Objective.ERROR,)


def test_all_faults_of_all_files_come_at_once(entry):
    """One run tells the whole list, in the order of the lines."""
    entry(MINIMAL.format("churn") + "ower: x\ncompute:\n  memory_mib: 64\n  timeout_s: soon\n")
    root = entry("name: fraud\nversion: 2\n", name="fraud")
    found = faults(root)
    assert [fault.split(" ")[0] for fault in found] == [
        "churn/model.yaml:5:",
        "churn/model.yaml:7:",
        "churn/model.yaml:8:",
        "fraud/model.yaml:1:",
        "fraud/model.yaml:1:",
    ]
    assert "did you mean 'owner'?" in found[0]
    assert "description is missing" in found[3]
    assert "owner is missing" in found[4]


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        ("risk: extreme", "risk: 'extreme' is not one of low, medium, high"),
        ("cache: {enabled: 1}", "cache.enabled: expected true or false, got '1'"),
        ("owner: no", "owner is written twice; keep one"),
        ("compute: fast", "compute holds keys and values"),
        ("also_serve: 2", "also_serve: expected a list; write [first, second]"),
        ("also_serve: [one]", "also_serve: expected a whole number, got 'one'"),
        ("release: {bake: 10}", "release.bake: '10' is not a duration; write 90s, 10m"),
        ("release: {steps: [5%]}", "release.steps: expected a number, got '5%'"),
        ("compute: {min_warm: [1]}", "compute.min_warm: expected one value, got a list"),
        ("compute: {memory_mib: 512.5}", "compute.memory_mib: expected a whole number"),
        ("compute: {threads: many}", "compute.threads: expected a whole number, got 'many'"),
        ("access: {scopes: ['a b']}", "access.scopes: 'a b' is not a scope"),
        ("also_serve: [9]", "also_serve: no folder 9 beside the file; there are: 1"),
        ("compute: {memory_mib: !odd 512}", "compute.memory_mib: the tag '!odd' is not taken"),
        ("compute: {memory_mib: !!int x}", "compute.memory_mib: "),
        ("release: {bake: 99999999999d}", "release.bake: "),
        ("compute: &a {compute: *a}", "unknown key 'compute.compute'"),
        ("wholly: new", "unknown key 'wholly'; keys here are: name"),
    ],
)
def test_fault_names_the_key_and_the_mend(entry, line, sentence):
    """Each sentence stands at its own line."""
    found = faults(entry(MINIMAL.format("churn") + line + "\n"))
    assert found == [f for f in found if f.startswith("churn/model.yaml:5: ")]
    assert sentence in found[0]


def test_text_that_yaml_takes_for_something_else_is_explained(entry):
    """YAML reads `no` as false; the sentence says to quote it."""
    text = MINIMAL.format("churn").replace("crm", "no")
    assert faults(entry(text)) == [
        "churn/model.yaml:3: owner: expected text, got 'no'; put it in quotes"
    ]


@pytest.mark.parametrize(
    "text", ["", "# nothing\n", "- a\n", "name: [\n", "a: b: c\n", "\x00", "[" * 9999]
)
def test_what_is_no_mapping_is_one_clear_fault(entry, text):
    """An empty, a broken or a wrongly shaped file is told with its line."""
    assert len(faults(entry(text))) == 1


def test_python_tags_are_not_obeyed(entry, tmp_path):
    """A YAML tag that would run code is only a wrong value."""
    mark = tmp_path / "ran"
    text = MINIMAL.format("churn").replace(
        "crm", f"!!python/object/apply:pathlib.Path.touch ['{mark}']"
    )
    assert faults(entry(text))
    assert not mark.exists()


def test_folder_and_name_agree(entry):
    """Paths are made of the name, so the folder bears it."""
    assert "its folder is 'churn'" in faults(entry(MINIMAL.format("fraud")))[0]


def test_version_folder_exists(entry):
    """A version that nobody wrote cannot be served."""
    text = MINIMAL.format("churn").replace("version: 1", "version: 7")
    assert faults(entry(text)) == [
        "churn/model.yaml:2: version: no folder 7 beside the file; there are: 1"
    ]


def test_unknown_model_names_the_known(entry):
    """A mistyped name is answered with the right ones."""
    catalogue = load_catalogue(entry(MINIMAL.format("churn")))
    with pytest.raises(ConfigurationError, match="there are: churn"):
        catalogue.model("chrun")


def test_missing_catalogue_is_said_to_be_missing(tmp_path):
    """The wrong folder is one clear sentence."""
    with pytest.raises(ConfigurationError, match="no such folder"):
        load_catalogue(tmp_path / "models")


def test_empty_catalogue_is_refused(models_root):
    """No model at all is a wrong folder too."""
    with pytest.raises(ConfigurationError, match="add one"):
        load_catalogue(models_root)


TOKENS = st.sampled_from(
    [
        *("compute", "release", "steps", "lambda", "0.5", "1e999", ".nan", "yes", "~", "10m", "é"),
        *(": ", "\n", "\t", "  ", "- ", "[", "]", "{", "}", ", ", "'", '"', "<<", "?", "|"),
        *("&a ", "*a", "!!int "),
    ]
)


@given(text=st.lists(TOKENS, max_size=25).map("".join))
@settings(
    max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None
)
def test_any_text_is_a_model_or_a_list_of_faults(entry, text):
    """No text makes the reader itself break: it gives a model or a sentence."""
    root = entry(MINIMAL.format("churn") + text)
    try:
        outcome = bool(load_catalogue(root).models)
    except ConfigurationError as error:
        outcome = all(error.faults)
    assert outcome


@pytest.mark.parametrize("text", ["", "m", "10", "1m1h", "-1m", "1.5h", "10 m"])
def test_what_is_no_duration_is_refused(text):
    """Durations are whole numbers with units, the larger first."""
    with pytest.raises(ValueError, match="is not a duration"):
        read_duration(text)
