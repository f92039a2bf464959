"""Experiments with a known truth, as the logs would hold them."""

from random import Random

from falaj.experiments.assignment import assign
from falaj.experiments.spec import ExperimentSpec

START = 1_790_000_000.0


def declare(**changes):
    """Declare a sticky experiment on conversion."""
    spec = {
        "name": "greeting",
        "model": "tashkeel",
        "unit": "subject",
        "subject": {"where": "header", "name": "x-user"},
        "arms": [{"name": "control", "share": 0.5}, {"name": "warm", "share": 0.5}],
        "metrics": [{"name": "conversion", "kind": "binary", "minimum_effect": 0.02}],
        "outcome_window": "1h",
    }
    return ExperimentSpec.from_dict(spec | changes)


def logs(spec, rates, units, *, seed=1, metric="conversion"):
    """Write exposures and outcomes of subjects who convert at their arm's rate."""
    rng, exposures, outcomes = Random(seed), [], []
    allocation = spec.allocation
    for number in range(units):
        unit, at = f"user-{number}", START + number
        arm = assign(allocation, unit).arm
        if arm is None:
            continue
        exposures.append(
            {
                "experiment": spec.name,
                "unit": unit,
                "arm": arm,
                "inference_id": f"i-{number}",
                "at": at,
            }
        )
        if rng.random() < rates[arm]:
            outcomes.append(
                {"inference_id": f"i-{number}", "metric": metric, "value": True, "at": at + 60}
            )
    return exposures, outcomes
