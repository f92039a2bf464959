"""`falaj rehearse --experiment` runs an experiment in virtual time and finds the chosen truth."""

import json

import pytest

from cli.rehearse_experiment import assemblies, run
from cli.settings import Settings
from local_region.rehearsal.trial import Trial
from tests.falaj.analyst_region import by_request, declared

METRIC = {"name": "agreed", "kind": "binary"}
SHORT = {
    "model": "breast-cancer",
    "outcome_window": "4m",
    "metrics": [METRIC],
    "minimum_events": 8,
}


@pytest.fixture
def rehearsed(falaj, tmp_path):
    """Rehearse a declaration under a truth."""

    def rehearsed(spec, *words):
        path = tmp_path / f"{spec.name}.json"
        path.write_text(json.dumps(spec.to_dict()))
        return falaj("rehearse", "breast-cancer", "--experiment", str(path), *words)

    return rehearsed


@pytest.mark.slow
def test_a_chosen_effect_is_found_and_found_again():
    """Assignment, exposures, feedback and analyst are real; the same seed says the same."""
    trial = Trial(
        spec=declared(**SHORT), base=0.2, effects={"warm": 0.7}, most_units=140, traffic_rps=5
    )
    settings = Settings.from_env()
    with assemblies(settings, trial.spec, as_json=True) as (stable, _):
        results = [run(stable, None, trial, settings) for _ in range(2)]

    first, again = results
    (effect,) = first.arms
    assert (first.verdict, first.phase) == ("winner", "held")
    assert (effect.true_effect, effect.is_covered) == (0.7, True)
    assert abs(effect.estimate - 0.7) < 0.2
    assert first.report["tally"]["unusable"] == {}
    assert "warm beats control" in first.page
    assert again.to_dict() == first.to_dict()


@pytest.mark.slow
def test_a_split_is_ended_by_its_verdict(rehearsed):
    """By request: the alias draws, the analyst calls a loser, the controller rolls it back."""
    arms = [
        {"name": "old", "share": 0.5, "model_version": 1},
        {"name": "new", "share": 0.5, "model_version": 2},
    ]
    spec = by_request(**SHORT, arms=arms)
    said = rehearsed(
        spec,
        *("--base", "0.8", "--effect", "new=-0.6", "--traffic", "2"),
        "--units",
        "240",
        "--json",
    )

    assert (said.exit, said.document["verdict"], said.document["phase"]) == (0, "loser", "reverted")
    assert said.document["final_alias"] == {"version": "1", "weights": {}}
    assert said.document["effects"][0]["is_covered"]


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("--effect", "a lot"), "write 0.02, or ARM=0.02"),
        (("--effect", "hot=0.1"), "the arms are warm"),
        (("--base", "0.9", "--effect", "0.3"), "no rate in"),
        (("--fault", "errors=1"), "faults are for rollouts"),
        (("--traffic", "0"), "requests a second"),
    ],
)
def test_what_cannot_be_true_is_refused(rehearsed, words, sentence):
    """Before anything is synthesized."""
    said = rehearsed(declared(**SHORT), *words)

    assert said.exit == 2
    assert sentence in said.err


def test_another_models_experiment_is_refused(rehearsed):
    """The declaration says whose it is."""
    said = rehearsed(declared(**(SHORT | {"model": "tashkeel"})))

    assert (said.exit, "is about model 'tashkeel'" in said.err) == (2, True)
