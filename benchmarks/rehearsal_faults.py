"""Whole rollouts with faults in both versions, and in the candidate alone: who is rolled back?

    PYTHONPATH=.:layers/runtime/python python -m benchmarks.rehearsal_faults [--minutes 10]

Every run is `falaj rehearse` of breast-cancer 1 → 2 with a short plan (20 %, then 50 %, three
minutes each, extended at most thrice), by rate, traffic, seed and the shift with which the fault
begins. Every crash and every timeout costs a real process, which takes most of the time: rates and
traffic are such that a run has a few dozen of them. Prints a line for each run and the sum.

Goals: a fault of both versions rolls nothing back (at most α = 1 % of runs), one of the candidate
is rolled back because of its errors, and what is no harm, or harm that no metric sees, is not.
"""

import argparse
import asyncio
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import uvloop
import yaml

from cli.settings import Settings
from cli.synthesis import synthesize_for
from local_region.rehearsal.faults import Fault
from local_region.rehearsal.rehearsal import rehearse
from local_region.rehearsal.scenario import Ending, Result, Scenario

MODEL = "breast-cancer"
RELEASE = {
    "plan": "canary",
    "steps": [0.2, 0.5],
    "bake": "3m",
    "max_extensions": 3,
    "guard": {"false_rollback": 0.01, "objectives": ["error", "invalid_output", "slow_p99"]},
}
RATES = ((0.02, 4.0), (0.1, 2.0), (0.5, 0.5))
"""Which part of requests fails, and how many come in a second."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One rollout to rehearse: the fault, whose, and from which shift on."""

    fault: str
    is_shared: bool
    traffic_rps: float
    shift: int
    seed: int

    def expects(self, result: Result) -> bool:
        """Whether it ended as it must."""
        if self.is_shared or self.fault.startswith(("cold-storm", "label-flip")):
            return result.verdict is not Ending.ROLLED_BACK
        return result.verdict is Ending.ROLLED_BACK and "error" in result.cause


def runs() -> Iterator[Run]:
    """Yield every run, so that the first of them already say something of each kind."""
    for seed in range(10):
        for rate, rps in RATES:
            for shift in (1, 2):
                for kind in ("crash", "timeout"):
                    yield Run(
                        fault=f"{kind}={rate:g}",
                        is_shared=True,
                        traffic_rps=rps,
                        shift=shift,
                        seed=seed,
                    )
            if seed == 0:
                for fault in ("crash=0.3", "timeout=0.3", "cold-storm", "label-flip=0.5"):
                    yield Run(
                        fault=fault, is_shared=False, traffic_rps=max(rps, 2.0), shift=1, seed=seed
                    )


@contextmanager
def assemblies() -> Iterator[tuple[Path, Path]]:
    """Synthesize both versions with the short plan."""
    settings = Settings.from_env()
    with tempfile.TemporaryDirectory(prefix="falaj-faults-") as folder:
        roots = [Path(folder) / str(version) for version in (1, 2)]
        for version, root in enumerate(roots, start=1):
            shutil.copytree(settings.models / MODEL, root / "models" / MODEL)
            file = root / "models" / MODEL / "model.yaml"
            declared = yaml.safe_load(file.read_text()) | {"version": version, "release": RELEASE}
            file.write_text(yaml.safe_dump(declared))

        def synthesized(root: Path) -> Path:
            output = root / "out"
            synthesize_for(settings, models=root / "models", output=output, only=(MODEL,))
            return output

        with ThreadPoolExecutor() as workers:
            stable, candidate = workers.map(synthesized, roots)
        yield stable, candidate


def played(stacks: tuple[Path, Path], scenario: Scenario) -> Result:
    """Rehearse once."""
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(
            rehearse(
                *stacks,
                scenario,
                build_folder=Settings.from_env().build / "host",
                lead_in=timedelta(minutes=2),
            )
        )


class Shifts:
    """When a rollout shifts that nothing befalls; until then one with a fault is the same."""

    def __init__(self, stacks: tuple[Path, Path]) -> None:
        self._stacks, self._known = stacks, dict[tuple[float, int], list[float]]()

    def of(self, run: Run) -> float | None:
        """Return the moment at which a run's fault begins; None with the first share.

        Raises:
            LookupError: With so little traffic there is no such shift.
        """
        if run.shift == 1:
            return None
        key = run.traffic_rps, run.seed
        if key not in self._known:
            scenario = Scenario(model=MODEL, traffic_rps=run.traffic_rps, seed=run.seed)
            found = played(self._stacks, scenario).timeline
            self._known[key] = [m.at_s for m in found if m.kind == "share" and m.share]
        moments = self._known[key]
        return moments[run.shift - 1]


def rehearsed(stacks: tuple[Path, Path], shifts: Shifts, run: Run) -> Result:
    """Rehearse a run."""
    return played(
        stacks,
        Scenario(
            model=MODEL,
            traffic_rps=run.traffic_rps,
            faults=(Fault.parse(run.fault, is_shared=run.is_shared),),
            begins_s=shifts.of(run),
            seed=run.seed,
        ),
    )


def main() -> int:
    """Rehearse until the time is over, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=10.0, help="begin no run after them")
    parser.add_argument("--first", type=int, default=0, help="leave out the runs before this one")
    options = parser.parse_args()
    until = time.monotonic() + 60 * options.minutes
    print(
        f"{'':3}{'fault':<15}{'in':<11}{'rps':>5}{'shift':>6}{'seed':>5}  {'verdict':<13}"
        f"{'candidate bad':>15}{'stable bad':>14}{'wall s':>8}  cause",
        flush=True,
    )
    done, failed, shared, false_rollbacks = 0, 0, 0, 0
    with assemblies() as stacks:
        shifts = Shifts(stacks)
        for number, run in enumerate(runs()):
            if number < options.first:
                continue
            if time.monotonic() > until:
                break
            began = time.monotonic()
            try:
                result = rehearsed(stacks, shifts, run)
            except LookupError:
                print(f"{number:<3}{run.fault:<15}left out: the rollout has no such shift")
                continue
            is_right = run.expects(result)
            done, failed = done + 1, failed + (not is_right)
            shared += run.is_shared
            false_rollbacks += run.is_shared and result.verdict is Ending.ROLLED_BACK
            print(
                f"{number:<3}{run.fault:<15}{'both' if run.is_shared else 'candidate':<11}"
                f"{run.traffic_rps:>5g}{run.shift:>6}{run.seed:>5}  {result.verdict.value:<13}"
                f"{f'{result.candidate_bad} of {result.candidate_requests}':>15}"
                f"{f'{result.stable_bad} of {result.stable_requests}':>14}"
                f"{time.monotonic() - began:>8.1f}  {result.cause}{'' if is_right else '   WRONG'}",
                flush=True,
            )
    print(
        f"{done} rollouts, {done - failed} as they must be; of {shared} with a fault in both "
        f"versions {false_rollbacks} were rolled back (goal: at most 1 %)"
    )
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
