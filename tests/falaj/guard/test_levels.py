"""Harmless versions are rolled back no more often than promised, by exact computation.

For each number of bad events n, the smallest number c of them on the candidate that makes
`Evidence` fire is found with `Evidence` itself; dynamic programming over (n, c) then gives the
exact probability of ever firing when one looks after every single event.
"""

import math

import numpy as np
import pytest

from falaj.domain.plan import GuardSettings
from falaj.guard import (
    DEFAULT_OBJECTIVES,
    RELATIVE_RISKS,
    RISK_WEIGHTS,
    Evidence,
    Guard,
    log_rate_below,
    log_relative_risk_below,
)

SHARES = (0.01, 0.05, 0.1, 0.25, 0.5)
LEVELS = (0.05, 0.01, 0.001)


def boundary(share, level, events):
    """Return, for each n, the smallest candidate count that fires (n + 1 if none does)."""
    needed, firing, smallest = -math.log10(level), [], 0
    for n in range(1, events + 1):
        while smallest <= n and Evidence().add(smallest, n - smallest, share).log10 < needed:
            smallest += 1
        firing.append(smallest)
    return firing


def stopping(share, level, relative_risk=1.0, events=1000):
    """Return the exact chance of ever firing, and the mean candidate count at that moment."""
    chance = share * relative_risk / (share * relative_risk + 1 - share)
    limits = boundary(share, level, events)
    alive = np.zeros(max(limits) + 2)
    alive[0], fired, bad = 1.0, 0.0, 0.0
    for smallest in limits:
        alive[1:] = alive[1:] * (1 - chance) + alive[:-1] * chance
        alive[0] *= 1 - chance
        fired += alive[smallest:].sum()
        bad += (alive[smallest:] * np.arange(smallest, alive.size)).sum()
        alive[smallest:] = 0.0
    return fired, bad


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("share", SHARES)
def test_false_rollback_with_a_look_after_every_event(share, level):
    """No worse than stable, looked at a thousand times: rolled back at most α of the time."""
    fired, _ = stopping(share, level)
    assert 0 < fired <= level


@pytest.mark.parametrize("relative_risk", [2.0, 3.0, 5.0, 10.0])
@pytest.mark.parametrize("share", SHARES)
@pytest.mark.parametrize("level", LEVELS)
def test_harm_is_near_the_least_possible(share, relative_risk, level):
    """Mean bad requests until rollback, over what any test of that level must let through.

    All four objectives are watched, and errors have what is left to them. The least possible is
    Wald's bound at the whole level: ln(1/α) over the information in one bad event.
    """
    guard = Guard.from_settings(GuardSettings(false_rollback=level))
    error = next(one for one in guard.objectives if one.name == "error")
    kept = guard.false_rollback * error.weight * (1 - error.collapse_part)
    fired, bad = stopping(share, kept, relative_risk, events=1500 if share >= 0.05 else 8000)
    chance = share * relative_risk / (share * relative_risk + 1 - share)
    information = chance * math.log(chance / share) + (1 - chance) * math.log(
        (1 - chance) / (1 - share)
    )
    least = -math.log(level) / information * chance
    assert fired > 0.99
    assert 1.0 < bad / fired / least <= 1.5


def log10_paths(is_candidate, shares):
    """log₁₀ E after every event of many paths; `shares` is one for each event."""
    risks = np.array(RELATIVE_RISKS)[:, None]
    base = -np.log1p(shares[None, :] * (risks - 1))
    steps = base[:, None, :] + np.log(risks)[:, None] * is_candidate[None]
    logs = steps.cumsum(axis=2)
    top = logs.max(axis=0)
    mixed = np.tensordot(np.array(RISK_WEIGHTS), np.exp(logs - top), axes=1)
    return (top + np.log(mixed)) / math.log(10)


def test_vectorised_evidence_is_the_same():
    """The simulation below reckons as `Evidence` does."""
    rng = np.random.default_rng(1)
    shares = np.linspace(0.01, 0.5, 60)
    is_candidate = rng.random((1, 60)) < 0.4
    evidence = Evidence()
    for hit, share in zip(is_candidate[0].tolist(), shares.tolist(), strict=True):
        evidence = evidence.add(int(hit), int(not hit), share)
    assert log10_paths(is_candidate, shares)[0, -1] == pytest.approx(evidence.log10, abs=1e-9)


@pytest.mark.parametrize("level", LEVELS)
def test_false_rollback_while_the_share_ramps(level):
    """The share climbs from 1 % to 50 % during the rollout; looks after every event."""
    rng = np.random.default_rng(2026)
    shares = np.repeat([0.01, 0.05, 0.1, 0.25, 0.5], 60)
    is_candidate = rng.random((5000, shares.size)) < shares
    fired = (log10_paths(is_candidate, shares) >= -math.log10(level)).any(axis=1)
    assert fired.mean() <= level


@pytest.mark.parametrize("level", LEVELS)
def test_false_rollback_in_a_shared_outage(level):
    """Both versions fail alike, request by request, at rates that jump from 0.1 % to 100 %."""
    rng = np.random.default_rng(3)
    share, paths, requests = 0.05, 2000, 3000
    rate = np.where((np.arange(requests) // 500) % 2 == 1, 1.0, 0.001)
    is_bad = rng.random((paths, requests)) < rate
    on_candidate = rng.random((paths, requests)) < share
    candidate = (is_bad & on_candidate).cumsum(axis=1)
    total = is_bad.cumsum(axis=1)
    limits = np.array([1, *boundary(share, level, int(total.max()))])
    assert (candidate >= limits[total]).any(axis=1).mean() <= level


def test_several_objectives_share_the_level():
    """Four objectives, independent and harmless: together they keep α."""
    rng = np.random.default_rng(4)
    weights = [objective.weight for objective in DEFAULT_OBJECTIVES.values()]
    share, level = 0.1, 0.05
    shares = np.full(200, share)
    mixed = sum(
        weight * 10 ** log10_paths(rng.random((4000, 200)) < share, shares) for weight in weights
    )
    assert (mixed >= 1 / level).any(axis=1).mean() <= level


def test_harmful_candidate_is_rarely_called_safe():
    """Twice the risk, 4 % of requests: called safe at most 5 % of the time, over forty looks."""
    rng = np.random.default_rng(5)
    paths, looks, share = 400, 40, 0.1
    candidate = rng.binomial(500, share, (paths, looks))
    ours = rng.binomial(candidate, 0.04).cumsum(axis=1)
    theirs = rng.binomial(500 - candidate, 0.02).cumsum(axis=1)
    needed, wrong = math.log(40), 0
    for path in np.stack([ours, theirs, candidate.cumsum(axis=1)], axis=2).tolist():
        wrong += any(
            log_relative_risk_below(((bad, stable_bad, share),), 2.0) >= needed
            or log_rate_below(bad, requests, 0.02) >= needed
            for bad, stable_bad, requests in path
        )
    assert wrong / paths <= 0.05


def test_harmless_candidate_is_called_safe_in_the_end():
    """Equal risks of 2 %: the proof comes, with enough requests."""
    rng = np.random.default_rng(6)
    is_candidate = rng.random(4000) < 0.1
    ours, theirs = int(is_candidate.sum()), int((~is_candidate).sum())
    assert log_relative_risk_below(((ours, theirs, 0.1),), 2.0) >= math.log(40)
