"""What a whole rehearsal costs, by part: synthesis, the region, a request, the controller.

    PYTHONPATH=.:layers/runtime/python python -m benchmarks.rehearsal [--traffic 5] [--json FILE]

Runs `falaj rehearse breast-cancer --from 1 --to 2` in this process. Prints virtual minutes and
requests, seconds of the wall, processor seconds of the region (this process) and of what it started
(function processes, the two syntheses), and milliseconds a request. Goals on two quiet cores: a
default rollout of half an hour and more within 35 s, with the synthesis; 50 requests a second
within 150 s. A processor's seconds say more than the wall's on a machine that has other work.
"""

import argparse
import asyncio
import hashlib
import json
import resource
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import uvloop

from catalogue.building import build
from catalogue.reading import load_model
from cli.rehearse import MODEL_FILE, assemblies
from cli.settings import Settings
from local_region.rehearsal.rehearsal import rehearse
from local_region.rehearsal.scenario import Result, Scenario

MODEL = "breast-cancer"
GOALS_S = {5.0: 35.0, 50.0: 150.0}


@dataclass(frozen=True, slots=True)
class Cost:
    """Seconds: of the wall, of this process, of those it started."""

    wall: float
    own: float
    children: float

    @classmethod
    def now(cls) -> "Cost":
        """Return what was spent so far."""
        used = resource.getrusage(resource.RUSAGE_CHILDREN)
        return cls(time.perf_counter(), time.process_time(), used.ru_utime + used.ru_stime)

    def __sub__(self, other: "Cost") -> "Cost":
        return Cost(self.wall - other.wall, self.own - other.own, self.children - other.children)

    def __str__(self) -> str:
        return f"{self.wall:>9.2f}{self.own:>10.2f}{self.children:>12.2f}"


class Marks:
    """What was spent when the first request and the release came."""

    def __init__(self) -> None:
        self.known = [("", Cost.now())]

    def set(self, name: str) -> None:
        """Let a part end now."""
        self.known.append((name, Cost.now()))

    def lines(self) -> list[str]:
        """Write a line for each part, and one for all."""
        pairs = zip(self.known, self.known[1:], strict=False)
        lines = [f"{name:<28}{after - before}" for (_, before), (name, after) in pairs]
        return [*lines, f"{'all':<28}{self.known[-1][1] - self.known[0][1]}"]


def played(settings: Settings, scenario: Scenario, marks: Marks) -> Result:
    """Synthesize both versions and rehearse."""
    spec = load_model(settings.models / MODEL / MODEL_FILE)
    build(settings.models, settings.build, [MODEL])
    with assemblies(settings, spec, 1, 2, as_json=True) as (stable, candidate):
        marks.set("synthesis of both versions")
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            result = runner.run(
                rehearse(stable, candidate, scenario, build_folder=settings.build / "host")
            )
        marks.set("region, requests, controller")
    return result


def main() -> int:
    """Rehearse once and print what it cost."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--traffic", type=float, default=5.0)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", type=Path, help="write the result, to compare two of them")
    options = parser.parse_args()
    marks = Marks()
    scenario = Scenario(model=MODEL, traffic_rps=options.traffic, seed=options.seed)
    result = played(Settings.from_env(), scenario, marks)
    text = json.dumps(result.to_dict(), sort_keys=True)
    if options.json is not None:
        options.json.write_text(text, encoding="utf-8")
    whole = marks.known[-1][1] - marks.known[0][1]
    rehearsed = marks.known[2][1] - marks.known[1][1]
    print(
        f"{MODEL} 1 → 2 at {options.traffic:g} requests a second: {result.verdict.value} after "
        f"{result.virtual_seconds / 60:.0f} virtual minutes and {result.requests:,} requests; "
        f"result {hashlib.sha256(text.encode()).hexdigest()[:12]}"
    )
    print(f"{'seconds':<28}{'wall':>9}{'this':>10}{'processes':>12}")
    print(*marks.lines(), sep="\n")
    print(
        f"a request, all in all: {1e3 * rehearsed.wall / result.requests:.2f} ms of the wall, "
        f"{1e3 * rehearsed.own / result.requests:.2f} ms of the region, "
        f"{1e3 * rehearsed.children / result.requests:.2f} ms of function processes"
    )
    goal = GOALS_S.get(options.traffic)
    if goal is None:
        return 0
    print(f"goal on a quiet machine: {goal:g} s; {'met' if whole.wall <= goal else 'MISSED'}")
    return 0 if whole.wall <= goal else 1


if __name__ == "__main__":
    sys.exit(main())
