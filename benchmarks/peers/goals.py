"""What the container is to reach, as ratios of figures that were taken in one run."""

from collections.abc import Iterator
from typing import Any

Figures = dict[str, dict[str, Any]]
_MISSED = "MISSED"
SLOW_PEERS = ("mlserver", "kserve", "litserve", "bentoml")


def rate(figures: Figures, case: str, name: str, callers: int) -> float | None:
    """Requests a second; None if that was not measured."""
    found: float | None = figures.get(case, {}).get(name, {}).get(str(callers), {}).get("rate")
    return found


def is_missed(text: str) -> bool:
    """Whether a verdict says that a goal was missed."""
    return text.endswith(_MISSED)


def verdicts(figures: Figures) -> Iterator[str]:
    """Say of each goal whose figures are there what was reached."""
    for text, mine, theirs, goal in _rates(figures):
        if mine and theirs:
            ratio = mine / theirs
            yield f"{text}: {ratio:.2f} (goal ≥ {goal}) {'reached' if ratio >= goal else _MISSED}"
    one = figures.get("t", {})
    mine, theirs = one.get("falaj", {}), one.get("starlette", {})
    quick, quicker = (found.get("1", {}).get("p50_ms") for found in (theirs, mine))
    if quick and quicker:
        ratio = quicker / quick
        yield f"T p50 at 1 ÷ Starlette: {ratio:.2f} (goal ≤ 0.7) {_under(ratio, 0.7)}"
    if mine:
        yield f"T memory: {mine['memory_mib']:.0f} MiB (goal ≤ 80) {_under(mine['memory_mib'], 80)}"
        yield f"T start: {mine['start_s']:.2f} s (goal ≤ 0.6) {_under(mine['start_s'], 0.6)}"


def _under(value: float, goal: float) -> str:
    return "reached" if value <= goal else _MISSED


def _rates(figures: Figures) -> Iterator[tuple[str, float | None, float | None, float]]:
    def of(case: str, name: str, callers: int) -> float | None:
        return rate(figures, case, name, callers)

    mine = of("t", "falaj", 32)
    yield "T at 32 ÷ Triton", mine, of("t", "triton", 32), 2.5
    slow = max((of("t", name, 32) or 0.0 for name in SLOW_PEERS), default=0.0)
    yield "T at 32 ÷ best of MLServer, KServe, LitServe, BentoML", mine, slow, 15
    yield "T at 32 ÷ static", mine, of("t", "static", 32), 0.4
    opened = figures.get("t", {})
    mine, theirs = (opened.get(name, {}).get("open") for name in ("falaj", "triton"))
    yield "T open loop ÷ Triton", mine, theirs, 4
    for callers, goal in ((8, 0.8), (32, 0.7), (64, 0.6)):
        mine = of("g", "falaj", callers)
        bound = figures.get("g", {}).get("batch", {}).get(str(callers))
        yield f"G at {callers} ÷ one batch for all", mine, bound, goal
        yield f"G at {callers} ÷ mosec", mine, of("g", "mosec", callers), 1.15
        yield f"G at {callers} ÷ Triton", mine, of("g", "triton", callers), 1.6
    yield "V at 8 ÷ raw", of("v", "falaj", 8), figures.get("v", {}).get("raw"), 0.8
    yield "V at 8 ÷ Triton", of("v", "falaj", 8), of("v", "triton", 8), 1
    for callers in (8, 32):
        mine = of("e", "falaj", callers)
        yield f"E at {callers} ÷ raw", mine, figures.get("e", {}).get("raw"), 0.92
        yield f"E at {callers} ÷ Triton", mine, of("e", "triton", callers), 1
