"""A bandit follows what it learns and never starves an arm."""

import random

import pytest

from falaj.errors import ConfigurationError
from falaj.experiments.bandit import (
    BetaPosterior,
    NormalPosterior,
    grown_shares,
    thompson_shares,
)
from falaj.experiments.spec import ExperimentSpec


def test_shares_sum_to_one_and_keep_the_floor():
    """The worst arm still gets the floor."""
    beliefs = [BetaPosterior(successes=900, failures=100), BetaPosterior(failures=1_000)]

    shares = thompson_shares([*beliefs, BetaPosterior()], floor_share=0.1, rng=random.Random(1))

    assert sum(shares) == pytest.approx(1)
    assert min(shares) == shares[1] == 0.1


def test_ignorance_splits_evenly():
    """Knowing nothing, no arm is preferred."""
    shares = thompson_shares([BetaPosterior()] * 2, floor_share=0.05, rng=random.Random(2))

    assert shares == pytest.approx((0.5, 0.5), abs=0.05)


def test_smaller_can_be_better():
    """For complaints the arm with fewer gets more."""
    many, few = BetaPosterior(successes=60, failures=40), BetaPosterior(successes=5, failures=95)

    shares = thompson_shares(
        [many, few], floor_share=0.05, rng=random.Random(3), larger_is_better=False
    )

    assert shares[1] > 0.9


def test_normal_posterior_follows_the_larger_mean():
    """Revenue works as rates do."""
    rng = random.Random(4)
    low = NormalPosterior().seen([rng.gauss(10, 2) for _ in range(50)])
    high = NormalPosterior().seen([rng.gauss(12, 2) for _ in range(50)])

    assert thompson_shares([low, high], floor_share=0.01, rng=rng)[1] > 0.95


def test_learning_in_two_batches_is_learning_at_once():
    """Posteriors add up."""
    values = [1.0, 4.0, 2.5, 8.0]

    once, twice = (
        NormalPosterior().seen(values),
        NormalPosterior().seen(values[:1]).seen(values[1:]),
    )

    assert (once.count, once.mean, once.squares) == pytest.approx(
        (twice.count, twice.mean, twice.squares)
    )


def test_regret_is_below_an_even_split():
    """Following what is learned loses fewer conversions than splitting evenly."""
    rates, rng, lost, size = (0.05, 0.10), random.Random(5), 0.0, 200
    beliefs, shares = [BetaPosterior(), BetaPosterior()], (0.5, 0.5)
    for _ in range(25):
        split = [round(size * share) for share in shares]
        for index, count in enumerate(split):
            won = sum(rng.random() < rates[index] for _ in range(count))
            beliefs[index] = beliefs[index].seen(won, count - won)
        lost += split[0] * 0.05
        shares = thompson_shares(beliefs, floor_share=0.05, rng=rng, draws=200)

    assert 25 * size * 0.05 * 0.05 <= lost < 0.5 * 25 * size / 2 * 0.05


@pytest.mark.parametrize(("arms", "floor"), [(1, 0.1), (3, 0.4), (2, 0.0)])
def test_impossible_floor_is_refused(arms, floor):
    """A floor that does not fit is refused."""
    with pytest.raises(ConfigurationError, match="floor"):
        thompson_shares([BetaPosterior()] * arms, floor_share=floor, rng=random.Random(6))


def test_shares_grow_without_taking_from_anyone():
    """Whole places of the hash, all of what is added, nothing of what was held."""
    grown = grown_shares([0.0333, 0.0333, 0.0334], 0.3, [0.05, 0.15, 0.8])

    assert sum(grown) == pytest.approx(0.3, abs=1e-12)
    assert all(new >= old for new, old in zip(grown, [0.0333, 0.0333, 0.0334], strict=True))
    assert grown_shares(grown, 0.3, [1.0, 0.0, 0.0]) == grown


def test_a_bandit_is_declared_whole_or_refused():
    """A bandit needs room to grow into, and no promise of a test."""
    declared = {
        "name": "greeting",
        "model": "tashkeel",
        "unit": "subject",
        "subject": {"where": "header", "name": "x-user"},
        "arms": [{"name": "control", "share": 0.5}, {"name": "warm", "share": 0.5}],
        "metrics": [{"name": "m", "kind": "binary"}],
        "coverage": 0.2,
        "bandit": {"floor_share": 0.1, "step": 0.2, "every": "12h"},
    }
    spec = ExperimentSpec.from_dict(declared)

    assert ExperimentSpec.from_dict(spec.to_dict()) == spec
    with pytest.raises(ConfigurationError) as refused:
        ExperimentSpec.from_dict(
            declared | {"coverage": 1.0, "planned_units": 1000, "bandit": {"floor_share": 0.6}}
        )
    assert len(refused.value.faults) == 3
