"""Thompson sampling: shares that follow what is learned, with a floor under every arm.

A bandit earns while it learns and proves less: its shares depend on outcomes, so the fixed-share
tests of an experiment do not apply to its data. Use it to choose among arms that are all
acceptable, and an experiment to find out whether one is better.

Source:
    Thompson (1933), Biometrika 25(3/4), doi:10.2307/2332286; Agrawal, Goyal (2012), COLT: regret
    O(log T) for two arms, which a floor f raises by at most f·Δ per unit for each worse arm.
"""

import math
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Final, Protocol, Self

from falaj.errors import ConfigurationError
from falaj.experiments.ranges import STEPS

DRAWS: Final = 1_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Bandit:
    """Shares that follow what is learned: each step gives new subjects to better arms more often.

    Nobody who has an arm gets another one: shares grow into subjects that were not covered yet.

    Attributes:
        floor_share: Every arm's least part of each step.
        step: Part of all subjects that a step adds.
        every: Time between two steps.
    """

    floor_share: float = 0.05
    step: float = 0.1
    every: timedelta = timedelta(days=1)

    def faults(self, *, arms: int) -> Iterator[str]:
        """Say everything that is wrong with it for so many arms."""
        if not 0 < self.floor_share <= 1 / max(arms, 1):
            yield f"bandit.floor_share {self.floor_share:g} is not in (0, 1/{arms}]"
        if not 0 < self.step <= 1:
            yield f"bandit.step {self.step:g} is not in (0, 1]"
        if self.every <= timedelta(0):
            yield "bandit.every is above 0"

    def covered(self, start: float, age: timedelta) -> float:
        """Say what part of all subjects is covered so long after the start.

        Example:
            >>> round(Bandit(step=0.2).covered(0.1, timedelta(days=2, hours=3)), 6)
            0.5
        """
        return min(1.0, start + self.step * (age // self.every))


class Posterior(Protocol):
    """What is believed of an arm's mean."""

    def draw(self, rng: random.Random) -> float:
        """Draw one possible mean."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class BetaPosterior:
    """Belief about a rate, from the uniform prior.

    Attributes:
        successes: Units with the outcome.
        failures: Units without it.
    """

    successes: int = 0
    failures: int = 0

    def draw(self, rng: random.Random) -> float:
        """Draw one possible rate."""
        return rng.betavariate(1 + self.successes, 1 + self.failures)

    def seen(self, successes: int, failures: int) -> Self:
        """Learn from more units."""
        return type(self)(successes=self.successes + successes, failures=self.failures + failures)


@dataclass(frozen=True, slots=True, kw_only=True)
class NormalPosterior:
    """Belief about a mean of values whose spread is estimated; Student's t from two units on.

    Attributes:
        count: Units seen.
        mean: Their mean.
        squares: Sum of squared distances from it.
    """

    count: int = 0
    mean: float = 0.0
    squares: float = 0.0

    def draw(self, rng: random.Random) -> float:
        """Draw one possible mean; with fewer than two units or no spread, ±∞ by coin."""
        freedom = self.count - 1
        if freedom < 1 or self.squares <= 0:
            return math.copysign(math.inf, rng.random() - 0.5)
        student = rng.gauss(0, 1) / math.sqrt(2 * rng.gammavariate(freedom / 2, 1) / freedom)
        return self.mean + student * math.sqrt(self.squares / freedom / self.count)

    def seen(self, values: Sequence[float]) -> Self:
        """Learn from more units (Welford's recurrence)."""
        count, mean, squares = self.count, self.mean, self.squares
        for value in values:
            count += 1
            gap = value - mean
            mean += gap / count
            squares += gap * (value - mean)
        return type(self)(count=count, mean=mean, squares=squares)


def thompson_shares(
    posteriors: Sequence[Posterior],
    *,
    floor_share: float,
    rng: random.Random,
    larger_is_better: bool = True,
    draws: int = DRAWS,
) -> tuple[float, ...]:
    """Give each arm the share of draws in which it is best, and no arm less than the floor.

    For sticky subjects pass the arm they had as `assign(…, held=…)`: shares move, subjects do not.

    Args:
        posteriors: Belief by arm.
        floor_share: Smallest share of any arm; what it costs is floor · Δ per unit and worse arm.
        rng: Randomness.
        larger_is_better: Whether more is better.
        draws: Draws; the shares' own error is at most 1/(2√draws).

    Returns:
        Shares in the arms' order, summing to 1.

    Raises:
        ConfigurationError: There are fewer than two arms, or the floors do not fit.

    Example:
        >>> better, worse = BetaPosterior(successes=90, failures=10), BetaPosterior(failures=100)
        >>> thompson_shares([better, worse], floor_share=0.05, rng=random.Random(1))
        (0.95, 0.05)
    """
    count = len(posteriors)
    if count < 2 or not 0 < floor_share <= 1 / count or draws < 1:  # noqa: PLR2004 - a choice
        raise ConfigurationError(
            [f"{count} arms with a floor of {floor_share:g}: needs two arms and 0 < floor ≤ 1/arms"]
        )
    sign = 1 if larger_is_better else -1
    wins = [0] * count
    for _ in range(draws):
        drawn = [sign * posterior.draw(rng) for posterior in posteriors]
        wins[max(range(count), key=drawn.__getitem__)] += 1
    free = 1 - floor_share * count
    shares = [floor_share + free * won / draws for won in wins]
    return tuple(round(share, 12) for share in shares)


def grown_shares(
    shares: Sequence[float], covered: float, parts: Sequence[float]
) -> tuple[float, ...]:
    """Divide the subjects that a step adds among the arms; nobody gives one up.

    Args:
        shares: What part of all subjects each arm has.
        covered: What part all arms shall have together.
        parts: Each arm's part of what is added, summing to 1.

    Returns:
        Shares in whole places of the hash; the same ones when nothing is added.

    Example:
        >>> grown_shares([0.1, 0.1], 0.4, [0.05, 0.95])
        (0.11, 0.29)
    """
    have = [round(share * STEPS) for share in shares]
    more = round(covered * STEPS) - sum(have)
    if more <= 0:
        return tuple(shares)
    added = [math.floor(part * more + 1e-9) for part in parts]
    added[max(range(len(parts)), key=parts.__getitem__)] += more - sum(added)
    return tuple((old + new) / STEPS for old, new in zip(have, added, strict=True))
