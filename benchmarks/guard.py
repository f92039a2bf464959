"""What the guard costs in false alarms and in harm, beside the judges people use instead.

    python benchmarks/guard.py            under a minute
    python benchmarks/guard.py --full     more shares, levels and paths

Exit code 3 if a bound that the documentation states does not hold in this run.
"""

import argparse
import math
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.stats import binom, mannwhitneyu, norm

RUNTIME = Path(__file__).parents[1] / "layers" / "runtime" / "python"
sys.path.insert(0, str(RUNTIME))

from falaj.domain.plan import GuardSettings  # noqa: E402 - found by the line above
from falaj.domain.verdict import BadEvents, Counts as Served, Outcome  # noqa: E402 - as above
from falaj.guard import (  # noqa: E402 - as above
    ALARMS_PART,
    COLLAPSE_LEVEL,
    COLLAPSE_PART,
    DEFAULT_OBJECTIVES,
    RELATIVE_RISKS,
    RISK_WEIGHTS,
    Evidence,
    Guard,
    log_collapse,
)

Counts = NDArray[np.int64]
MINUTES, PER_MINUTE, BASE_RATE = 30, 3000, 0.01
RISKS = (2.0, 3.0, 5.0, 7.0, 10.0)
GOAL = 1.5
MOST_SHARE, MOST_BAD = 0.1, 3
ROUNDING = 1e-9


# ------------------------------------------------------------------- exact, event by event
def boundary(share: float, level: float, events: int) -> list[int]:
    """Return, for each number of bad events, the fewest on the candidate that fire."""
    needed, firing, fewest = -math.log10(level), [], 0
    for n in range(1, events + 1):
        while fewest <= n and Evidence().add(fewest, n - fewest, share).log10 < needed:
            fewest += 1
        firing.append(fewest)
    return firing


def stopping(limits: list[int], chance: float) -> tuple[float, float]:
    """Return the exact chance of ever firing and the candidate's mean bad events at that moment."""
    size = max(limits) + 2
    alive, fired, bad = np.zeros(size), 0.0, 0.0
    alive[0] = 1.0
    for fewest in limits:
        alive[1:] = alive[1:] * (1 - chance) + alive[:-1] * chance
        alive[0] *= 1 - chance
        fired += alive[fewest:].sum()
        bad += (alive[fewest:] * np.arange(fewest, size)).sum()
        alive[fewest:] = 0.0
    return fired, bad


def hit_chance(share: float, risk: float) -> float:
    """Return the chance that a bad event is the candidate's."""
    return share * risk / (share * risk + 1 - share)


def least_bad(share: float, level: float, risk: float) -> float:
    """Return Wald's lower bound on the candidate's mean bad events at any valid level."""
    q = hit_chance(share, risk)
    information = q * math.log(q / share) + (1 - q) * math.log((1 - q) / (1 - share))
    return -math.log(level) / information * q


def print_levels(shares: tuple[float, ...], levels: tuple[float, ...], events: int) -> bool:
    """Print false rollbacks, exactly, and whether all stay within their level."""
    print(f"False rollback, exact, a look after each of {events} bad events (no worse than stable)")
    print(f"{'share':>8}" + "".join(f"{f'α = {level:g}':>14}" for level in levels))
    holds = True
    for share in shares:
        row = [stopping(boundary(share, level, events), share)[0] for level in levels]
        holds &= all(got <= level for got, level in zip(row, levels, strict=True))
        print(f"{share:>8g}" + "".join(f"{got:>14.5f}" for got in row))
    return holds


def print_harm(shares: tuple[float, ...], levels: Sequence[float], kept: float) -> float:
    """Print mean bad requests over the least possible; return the largest ratio.

    Args:
        shares: The candidate's.
        levels: α of the rollout.
        kept: The part of α that is left to the objective which is harmed.
    """
    print(f"{'α':>8}{'share':>8}" + "".join(f"{f'risk × {risk:g}':>16}" for risk in RISKS))
    largest = 0.0
    for level in levels:
        for share in shares:
            # Twice the risk at a share of 1 % takes thousands of bad events to tell.
            limits = boundary(share, level * kept, 9000 if share < 0.05 else 3000)
            cells = []
            for risk in RISKS:
                fired, bad = stopping(limits, hit_chance(share, risk))
                if fired < 0.99:
                    raise SystemExit(f"{len(limits)} events do not tell risk {risk} at {share}")
                ratio = bad / fired / least_bad(share, level, risk)
                largest = max(largest, ratio)
                cells.append(f"{bad / fired:.1f} ({ratio:.2f})")
            print(f"{level:>8g}{share:>8g}" + "".join(f"{cell:>16}" for cell in cells))
    return largest


def print_harms(shares: tuple[float, ...], levels: tuple[float, ...]) -> bool:
    """Print harm under one objective and under four, and whether the stated bound holds."""
    print(
        "\nHarm: mean bad candidate requests until rollback (÷ information-theoretic minimum at α)"
    )
    print("Errors alone are watched: they have the whole level but what the alarms keep")
    holds, is_alone = True, GuardSettings(objectives=("error",))
    for level in levels:
        holds &= print_harm(shares, (level,), kept(is_alone, level)) <= GOAL
    print("All four objectives are watched, errors alone are harmed")
    for level in levels:
        holds &= print_harm(shares, (level,), kept(GuardSettings(), level)) <= GOAL
    return holds


def kept(settings: GuardSettings, level: float, objective: str = "error") -> float:
    """Return the part of α that is left to one objective's bad events."""
    guard_ = Guard.from_settings(replace(settings, false_rollback=level))
    watched = next(one for one in guard_.objectives if one.name == objective)
    return (1 - ALARMS_PART) * watched.weight * (1 - watched.collapse_part)


def print_objectives(share: float, level: float) -> None:
    """Print what the other objectives cost, for which no bound is stated."""
    print(f"\nAll four watched, one is harmed: ÷ minimum at α = {level:g} | ÷ minimum at its part")
    print(f"{'share':>8}{'objective':>18}{'part':>7}" + "".join(f"{f'× {r:g}':>13}" for r in RISKS))
    for name in DEFAULT_OBJECTIVES:
        part = kept(GuardSettings(), level, name)
        limits, cells = boundary(share, level * part, 3000), []
        for risk in RISKS:
            fired, bad = stopping(limits, hit_chance(share, risk))
            least = [least_bad(share, at, risk) for at in (level, level * part)]
            cells.append(" | ".join(f"{bad / fired / one:.2f}" for one in least))
        print(f"{share:>8g}{name:>18}{part:>7.3f}" + "".join(f"{cell:>13}" for cell in cells))


def print_total_failure(shares: tuple[float, ...], levels: tuple[float, ...]) -> bool:
    """Print at which bad request the default guard stops a candidate that always fails.

    Beside it, how many bad events any test needs that looks at nothing else: k of them on the
    candidate have a probability of share^k in an outage of both, so no such E exceeds share^-k.
    """
    holds = True
    print(
        "\nTotal failure of the candidate alone, all four objectives watched: stops at bad request"
    )
    print("(least from bad events alone; [how often by then, if stable must first have answered])")
    print(f"{'α':>8}" + "".join(f"{f'share {share:g}':>18}" for share in shares))
    for level in levels:
        guard_, cells = Guard.from_settings(GuardSettings(false_rollback=level)), []
        for share in shares:
            bad = 1
            while fewest_good(guard_, bad, share) is None:
                bad += 1
            holds &= share > MOST_SHARE or bad <= MOST_BAD
            needed = fewest_good(guard_, bad, share) or 0
            # Stable's last missing answer may come after that bad request, but before the next.
            often = f" [{binom.cdf(bad, bad + needed, share):.0%}]" if needed else ""
            least = math.ceil(math.log(level) / math.log(share) - ROUNDING)
            cells.append(f"{bad} ({least}){often}")
        print(f"{level:>8g}" + "".join(f"{cell:>18}" for cell in cells))
    return holds


def fewest_good(guard_: Guard, bad: int, share: float) -> int | None:
    """Return how many good answers of stable a rollback takes after so many bad ones.

    None if even as many as are to be expected do not suffice.
    """
    expected = math.ceil(bad * (1 - share) / share)
    low, high = 0, expected
    if not stops(guard_, bad, expected, share):
        return None
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if stops(guard_, bad, middle, share) else (middle + 1, high)
    return low


def stops(guard_: Guard, bad: int, good: int, share: float) -> bool:
    """Return whether a candidate that answered nothing right is rolled back."""
    events = (BadEvents(objective="error", candidate=bad, stable=0),)
    seen = Served(share=share, candidate_requests=bad, stable_requests=good, bad=events)
    return guard_.verdict((seen,)).outcome is Outcome.ROLL_BACK


# ------------------------------------------------------- judges side by side, minute by minute
@dataclass(frozen=True)
class Traffic:
    """Counts by path and minute."""

    share: NDArray[np.float64]
    candidate: Counts
    candidate_bad: Counts
    stable: Counts
    stable_bad: Counts


def simulate(
    rng: np.random.Generator,
    paths: int,
    share: NDArray[np.float64],
    candidate_rate: NDArray[np.float64],
    stable_rate: NDArray[np.float64],
) -> Traffic:
    """Serve half an hour, many times over."""
    size = (paths, MINUTES)
    candidate = rng.binomial(PER_MINUTE, share, size)
    stable = PER_MINUTE - candidate
    return Traffic(
        share=share,
        candidate=candidate,
        candidate_bad=rng.binomial(candidate, candidate_rate),
        stable=stable,
        stable_bad=rng.binomial(stable, stable_rate),
    )


def guard(traffic: Traffic, level: float) -> NDArray[np.bool_]:
    """Fire where ln E reaches its threshold, of errors alone; small levels look for collapse."""
    risks = np.array(RELATIVE_RISKS)[:, None, None]
    base = -np.log1p(traffic.share * (risks - 1))
    total = traffic.candidate_bad + traffic.stable_bad
    logs = (traffic.candidate_bad * np.log(risks) + total * base).cumsum(axis=2)
    top = logs.max(axis=0)
    mixed = np.tensordot(np.array(RISK_WEIGHTS), np.exp(logs - top), axes=1)
    worse = top + np.log(mixed)
    if level < COLLAPSE_LEVEL:
        rest = math.log1p(-COLLAPSE_PART)
        worse = np.logaddexp(worse + rest, collapse(traffic) + math.log(COLLAPSE_PART))
    return worse >= -math.log(level)


def collapse(traffic: Traffic) -> NDArray[np.float64]:
    """Return ln E of `falaj.guard.log_collapse` after each minute."""
    total = np.zeros(traffic.candidate.shape)
    for share in np.unique(traffic.share).tolist():
        is_so = traffic.share == share
        bad, stable_bad = (
            (part * is_so).cumsum(axis=1) for part in (traffic.candidate_bad, traffic.stable_bad)
        )
        served, stable = (
            (part * is_so).cumsum(axis=1) for part in (traffic.candidate, traffic.stable)
        )
        expected = np.minimum(stable - stable_bad, bad * (1 - share) / share)
        one = [log_collapse((counts,)) for counts in of_each(share)]
        # A good answer of stable counts only beside a bad one of the candidate.
        good_stable = (log_collapse(((1, 0, 0, 1, share),)) - one[0]) / min(1, (1 - share) / share)
        total += bad * one[0] + (served - bad) * one[1] + stable_bad * one[2]
        total += expected * good_stable
    return total


def of_each(share: float) -> list[tuple[int, int, int, int, float]]:
    """Return counts of one request each: bad and good on the candidate, bad on stable."""
    return [(1, 0, 0, 0, share), (0, 1, 0, 0, share), (0, 0, 1, 0, share)]


def threshold(traffic: Traffic, _: float) -> NDArray[np.bool_]:
    """Fire on an error rate of the candidate of 5 % in a minute, as a CloudWatch alarm would."""
    return traffic.candidate_bad >= 0.05 * np.maximum(traffic.candidate, 1)


def peeked_z(traffic: Traffic, level: float) -> NDArray[np.bool_]:
    """Fire on a one-sided two-proportion z-test of everything so far, each minute."""
    x, n = traffic.candidate_bad.cumsum(axis=1), traffic.candidate.cumsum(axis=1)
    y, m = traffic.stable_bad.cumsum(axis=1), traffic.stable.cumsum(axis=1)
    pooled = (x + y) / (n + m)
    deviation = np.sqrt(np.maximum(pooled * (1 - pooled) * (1 / n + 1 / m), 1e-300))
    return (x / n - y / m) / deviation >= norm.isf(level)


def mann_whitney(traffic: Traffic, level: float) -> NDArray[np.bool_]:
    """Fire on a one-sided rank test of per-minute error rates, each minute from the fifth."""
    ours = traffic.candidate_bad / np.maximum(traffic.candidate, 1)
    theirs = traffic.stable_bad / np.maximum(traffic.stable, 1)
    fires = np.zeros(ours.shape, dtype=bool)
    for minute in range(5, MINUTES + 1):
        test = mannwhitneyu(
            ours[:, :minute],
            theirs[:, :minute],
            alternative="greater",
            axis=1,
            method="asymptotic",
        )
        fires[:, minute - 1] = np.nan_to_num(test.pvalue, nan=1.0) <= level
    return fires


JUDGES: dict[str, Callable[[Traffic, float], NDArray[np.bool_]]] = {
    "guard": guard,
    "threshold 5 %": threshold,
    "peeked z-test": peeked_z,
    "Mann–Whitney": mann_whitney,
}


def harmless(paths: int) -> Iterator[tuple[str, Traffic]]:
    """Yield situations in which a rollback is false."""
    rng = np.random.default_rng(20261122)
    flat, rate = np.full(MINUTES, 0.05), np.full(MINUTES, BASE_RATE)
    minute = np.arange(MINUTES)
    outage = np.where((minute >= 10) & (minute < 15), 1.0, rate)
    drift = BASE_RATE * (1 + minute / 3)
    ramp = np.repeat([0.05, 0.25, 0.5], MINUTES // 3)
    yield "both at 1 %", simulate(rng, paths, flat, rate, rate)
    yield "shared outage", simulate(rng, paths, flat, outage, outage)
    yield "both get worse", simulate(rng, paths, flat, drift, drift)
    yield "share ramps", simulate(rng, paths, ramp, rate, rate)
    yield "ramp + worse", simulate(rng, paths, ramp, drift, drift)


def print_false_rollbacks(paths: int, level: float) -> bool:
    """Print how often each judge rolls back a harmless candidate within half an hour."""
    print(
        f"\nFalse rollback within {MINUTES} min, {PER_MINUTE // 60} requests/s, a look each minute"
    )
    print(f"α = {level:g}, {paths} paths" + "".join(f"{name:>16}" for name in JUDGES))
    holds = True
    for name, traffic in harmless(paths):
        rates = [judge(traffic, level).any(axis=1).mean() for judge in JUDGES.values()]
        holds &= bool(rates[0] <= level)
        print(f"{name:>24}" + "".join(f"{rate:>16.2%}" for rate in rates))
    return holds


def print_harm_beside(paths: int, level: float) -> None:
    """Print how many bad requests each judge lets through, and how often it never fires."""
    rng = np.random.default_rng(11)
    share, rate = np.full(MINUTES, 0.05), np.full(MINUTES, BASE_RATE)
    print("\nMean bad candidate requests in that half hour (share of rollouts never rolled back)")
    print("share 5 %, base 1 %     " + "".join(f"{name:>16}" for name in JUDGES))
    for risk in (*RISKS, 100.0):
        traffic = simulate(rng, paths, share, np.minimum(rate * risk, 1.0), rate)
        so_far, cells = traffic.candidate_bad.cumsum(axis=1), []
        for judge in JUDGES.values():
            fires = judge(traffic, level)
            is_fired = fires.any(axis=1)
            stop = np.where(is_fired, fires.argmax(axis=1), MINUTES - 1)
            bad = so_far[np.arange(paths), stop].mean()
            cells.append(f"{bad:.0f} ({1 - is_fired.mean():.0%})")
        print(f"{f'risk × {risk:g}':>24}" + "".join(f"{cell:>16}" for cell in cells))


# ------------------------------------------------------------------------------- its own cost
def print_cost() -> None:
    """Print what an import and a look cost here, beside importing dataclasses alone."""
    costs = {}
    for module in ("falaj.guard", "dataclasses"):
        code = (
            f"import time; t = time.perf_counter(); import {module}; print(time.perf_counter() - t)"
        )
        runs = [
            float(
                subprocess.run(
                    [sys.executable, "-c", code],
                    check=True,
                    capture_output=True,
                    text=True,
                    env={"PYTHONPATH": str(RUNTIME)},
                ).stdout
            )
            for _ in range(7)
        ]
        costs[module] = sorted(runs)[3]
    began = time.perf_counter()
    evidence = Evidence()
    for _ in range(2000):
        evidence = evidence.add(1, 19, 0.05)
    look = (time.perf_counter() - began) / 2000
    said = ", ".join(f"import {module} {cost * 1e3:.1f} ms" for module, cost in costs.items())
    print(f"\nCost: {said}; one add {look * 1e6:.0f} µs")


def main() -> int:
    """Print everything; return 3 if a stated bound does not hold."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--full", action="store_true", help="more shares, levels and paths")
    is_full = parser.parse_args().full
    more = (0.02, 0.2, 0.3, 0.4) if is_full else ()
    shares = (*sorted((0.01, 0.05, 0.1, 0.25, 0.5, *more)),)
    levels, paths = (0.05, 0.01, 0.001), 5000 if is_full else 1000
    began = time.perf_counter()
    holds = [
        print_levels((*shares,), levels, 5000 if is_full else 2000),
        print_harms(shares, levels),
        print_total_failure((0.01, 0.02, 0.05, 0.07, 0.1, 0.25, 0.5), levels),
        *(print_false_rollbacks(paths, level) for level in (levels if is_full else (0.05, 0.01))),
    ]
    print_objectives(0.05, 0.01)
    print_harm_beside(paths, 0.01)
    print_cost()
    verdict = "every stated bound holds" if all(holds) else "A STATED BOUND DOES NOT HOLD"
    print(f"\n{verdict} ({time.perf_counter() - began:.0f} s)")
    return 0 if all(holds) else 3


if __name__ == "__main__":
    sys.exit(main())
