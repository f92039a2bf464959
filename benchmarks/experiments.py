"""Print what the experiment statistics claim, beside what is commonly done.

    PYTHONPATH=.:layers/runtime/python .venv/bin/python benchmarks/experiments.py [PART …] [--long]

Parts: aa metrics power requests mismatch assign bandit join logs.

Everything is seeded. Without names all parts run, in about two minutes; `--long` takes the runs
behind the published figures (20,000 an experiment, a million records), in about ten, at low
priority.
"""

import math
import os
import platform
import random
import resource
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import redirect_stdout
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import orjson
from botocore.exceptions import ClientError

from analysis.boundaries import even_fractions, spending_boundary
from analysis.desk import Desk
from analysis.mismatch import log_mismatch
from analysis.moments import Array
from analysis.planning import Question
from analysis.report import analyse, as_text
from analysis.sequences import log_e_value
from analysis.simulation import (
    Looked,
    Method,
    Paths,
    classical_boundary,
    confidence_sequence,
    group_sequential,
    growthbook_sequential,
    peeked_z,
    simulate_rates,
    stops,
)
from analysis.value_paths import simulate_values
from benchmarks.handler import (
    CONTEXT,
    NOWHERE,
    POWERTOOLS_US,
    json_event,
    powertools_handler,
)
from falaj.aws.checkpoints import Checkpoints
from falaj.aws.experiment_log import ExperimentLog, Span
from falaj.contract import EXPOSURES_PREFIX, OUTCOMES_PREFIX, checkpoint_key, log_prefix
from falaj.entrypoints.analyst_reading import LogReading
from falaj.experiments import Allocation, Namespace, assign
from falaj.experiments.bandit import BetaPosterior, thompson_shares
from falaj.experiments.spec import ExperimentSpec

LONG = "--long" in sys.argv


def usual_error(paths: Looked) -> Array:
    """Apply the group-sequential test with the usual standard error and no minimum of events."""
    critical = np.array(spending_boundary(even_fractions(paths.units.size), 0.05))
    excess: Array = np.abs(paths.z(is_guarded=False)) - critical
    return excess


METHODS: dict[str, Method] = {
    "group-sequential": group_sequential(),
    "confidence seq.": confidence_sequence(),
    "classical O'B.–F.": classical_boundary(),
}
"""Every exported test; reports use the first two."""

OTHERS: dict[str, Method] = {
    "peeked z-test": peeked_z(),
    "GrowthBook formula": growthbook_sequential(),
    "usual error alone": usual_error,
}
"""What is commonly done, and what our own would do without its guarded standard error."""


def aa() -> None:
    """A/A tests of rates: how often is a difference found where there is none?"""
    runs = 20_000 if LONG else 4_000
    print(f"A/A, 10,000 units, 100 looks, {runs:,} runs, nominal 5 %: share of runs with a finding")
    _heading("rate", [*METHODS, *OTHERS])
    for base in (0.01, 0.05):
        for share in (0.5, 0.1):
            paths = simulate_rates(
                (base, base), share=share, units=10_000, looks=100, runs=runs, seed=11
            )
            _row(f"{100 * base:g} %", share, paths, [*METHODS.values(), *OTHERS.values()])


def metrics() -> None:
    """A/A tests of the other metrics, and of the false-discovery rate over five of them."""
    runs = 20_000 if LONG else 1_000
    print(f"A/A, 10,000 units, 100 looks, {runs:,} runs, nominal 5 %, other metrics")
    _heading("metric", list(METHODS))
    kinds: dict[str, tuple[Draw, dict[str, bool]]] = {
        "lognormal sum": (_lognormal, {}),
        "winsorised 0.99": (_winsorised, {}),
        "ratio": (_ratio, {"is_ratio": True}),
        "CUPED": (_with_covariate, {"is_adjusted": True}),
    }
    for name, (draw, how) in kinds.items():
        for share in (0.5, 0.1):
            paths = simulate_values(
                draw, share=share, units=10_000, looks=100, runs=runs, seed=11, **how
            )
            _row(name, share, paths, list(METHODS.values()))
    _discovery(runs)


def _discovery(runs: int) -> None:
    """Look a hundred times at five secondary rates of which none differs, by e-BH at 10 %."""
    found = np.zeros(runs, dtype=bool)
    units = np.arange(1, 101) * 100
    e_values = []
    for seed, base in enumerate((0.01, 0.02, 0.05, 0.1, 0.3)):
        paths = simulate_rates(
            (base, base), share=0.5, units=10_000, looks=100, runs=runs, seed=100 + seed
        )
        logs = np.array([[log_e_value(1.0, int(n), 10_000, 0.05) for n in units]])
        bare = np.array([[log_e_value(0.0, int(n), 10_000, 0.05) for n in units]])
        e_values.append(
            np.where(paths.fewest_events >= 20, bare + (logs - bare) * paths.z() ** 2, -np.inf)
        )
    ranked = -np.sort(-np.stack(e_values), axis=0)
    for place in range(1, 6):
        found |= (ranked[place - 1] >= math.log(5 / (0.1 * place))).any(axis=1)
    part = float(found.mean())
    error = math.sqrt(max(part * (1 - part), 1e-9) / runs)
    print(f"five secondary metrics, e-BH, nominal 10 %: {100 * part:.2f} ± {100 * error:.2f} %")


def _heading(first: str, names: list[str]) -> None:
    print(f"{first:<16} {'share':>5} " + "".join(f"{name:>20}" for name in names))


def _row(name: str, share: float, paths: Looked, methods: list[Method]) -> None:
    found = [stops(paths, method) for method in methods]
    cells = "".join(f"{100 * s.found:>12.2f} ± {100 * s.error:.2f} " for s in found)
    print(f"{name:<16} {share:>5} {cells}", flush=True)


Columns = tuple[Array, Array, Array]
Draw = Callable[[np.random.Generator, tuple[int, int]], Columns]


def _lognormal(rng: np.random.Generator, size: tuple[int, int]) -> Columns:
    value = rng.lognormal(0, 1, size) * (rng.random(size) < 0.3)
    return value, np.ones(size), np.zeros(size)


def _winsorised(rng: np.random.Generator, size: tuple[int, int]) -> Columns:
    value, ones, zeros = _lognormal(rng, size)
    return np.minimum(value, np.quantile(value, 0.99, axis=1)[:, None]), ones, zeros


def _ratio(rng: np.random.Generator, size: tuple[int, int]) -> Columns:
    requests = 1 + rng.geometric(0.2, size)
    clicks = rng.binomial(requests, rng.beta(1, 9, size))
    return clicks.astype(float), requests.astype(float), np.zeros(size)


def _with_covariate(rng: np.random.Generator, size: tuple[int, int]) -> Columns:
    habit = rng.lognormal(0, 0.7, size)
    return habit + rng.normal(0, 0.5, size), np.ones(size), habit


def power() -> None:
    """5 % to 6 %: what it takes to find out."""
    question = Question.rates(0.05, 0.06)
    runs = 20_000 if LONG else 4_000
    print("5 % → 6 % at 50/50, alpha 5 %: units a test")
    print(f"{'method':<34} {'max':>8} {'mean':>8} {'power':>7} {'mean if equal':>14}")
    plans = {
        "fixed size (computed)": question.fixed(),
        "group-sequential, 20 looks (comp.)": question.group_sequential(20),
        "group-sequential, 100 looks (comp.)": question.group_sequential(100),
        "confidence sequence (computed)": question.confidence_sequence(),
        "confidence sequence at 95 % (comp.)": Question.rates(
            0.05, 0.06, power=0.95
        ).confidence_sequence(),
    }
    for name, plan in plans.items():
        print(
            f"{name:<34} {plan.units:>8,} {plan.mean_units:>8,.0f} {plan.power:>7.3f} "
            f"{plan.mean_units_without_effect:>14,.0f}"
        )
    for name, looks, plan, method in [
        (
            "group-sequential, 20 looks (sim.)",
            20,
            question.group_sequential(20),
            group_sequential(),
        ),
        (
            "confidence sequence (simulated)",
            50,
            question.confidence_sequence(),
            confidence_sequence(tuned_units=16_310),
        ),
    ]:
        units = looks * math.ceil(plan.units / looks)
        paths = simulate_rates((0.05, 0.06), share=0.5, units=units, looks=looks, runs=runs, seed=5)
        done = stops(paths, method)
        print(f"{name:<34} {units:>8,} {done.mean_units:>8,.0f} {done.upward:>7.3f}")


def requests() -> None:
    """Sticky routing counted by request instead of by subject."""
    runs = 2_000 if LONG else 300
    subjects, looks = 2_000, 100
    print(
        f"A/A with sticky subjects, mean 20 requests each, group-sequential, {looks} looks, "
        f"{runs} runs, nominal 5 %"
    )
    rng = np.random.default_rng(17)
    asked = rng.geometric(0.05, (runs, subjects))
    worked = rng.binomial(asked, rng.beta(0.5, 4.5, (runs, subjects)))
    mine = rng.random((runs, subjects)) < 0.5

    def running(values: Array) -> Array:
        return np.cumsum(values.reshape(runs, looks, -1).sum(axis=2), axis=1)

    by_request = Paths(
        control_units=running(asked * ~mine),
        arm_units=running(asked * mine),
        control_events=running(worked * ~mine),
        arm_events=running(worked * mine),
    )

    def draw(drawn: np.random.Generator, size: tuple[int, int]) -> Columns:
        requests = drawn.geometric(0.05, size)
        successes = drawn.binomial(requests, drawn.beta(0.5, 4.5, size))
        return successes.astype(float), requests.astype(float), np.zeros(size)

    by_subject = simulate_values(
        draw, share=0.5, units=subjects, looks=looks, runs=runs, seed=19, is_ratio=True
    )
    parts = [stops(paths, group_sequential()).found for paths in (by_request, by_subject)]
    print(f"found when counting requests: {parts[0]:.1%}, {parts[0] / 0.05:.1f} times the level")
    print(f"found when counting subjects: {parts[1]:.1%}")


def mismatch() -> None:
    """Sample-ratio mismatch, looked at after every 100 units."""
    runs = 5_000 if LONG else 500
    print(f"sample-ratio test at 0.1 %, 100 looks over 10,000 and 100,000 units, {runs:,} runs")
    for truth in (0.5, 0.49, 0.48):
        for units in (10_000, 100_000):
            rng = np.random.default_rng(3)
            arm = np.cumsum(rng.binomial(units // 100, truth, (runs, 100)), axis=1)
            total = np.arange(1, 101) * (units // 100)
            table = {}
            found = 0
            for run in arm:
                for have, seen in zip(run, total, strict=True):
                    key = (int(have), int(seen))
                    if key not in table:
                        table[key] = log_mismatch([key[0], key[1] - key[0]], [0.5, 0.5])
                    if table[key] >= 6.908:
                        found += 1
                        break
            print(
                f"declared 0.50, true {truth:.2f}, {units:>7,} units: found in {found / runs:.2%}"
            )


def assigning() -> None:
    """Time of one assignment, whichever of holdout, namespace and hash it takes."""
    space = Namespace(name="checkout", start=0.0, end=1.0)
    kinds: dict[str, dict[str, Any]] = {
        "hash alone": {},
        "hash version 1": {"hash_version": 1},
        "holdout": {"holdout_share": 0.05},
        "namespace": {"namespace": space},
        "holdout, namespace": {"holdout_share": 0.05, "namespace": space},
    }
    shapes: dict[str, Callable[[int], str]] = {
        "user-123456": lambda n: f"user-{n:06d}",
        "a UUID": lambda n: f"{n:08x}-9d4a-4f6b-8a7c-5e1d2f3a4b5c",
        "سارة-123456": lambda n: f"سارة-{n:06d}",
        "فاطمة الزهراء ٦": lambda n: f"فاطمة الزهراء {chr(0x660 + n % 10)}",
    }
    ways = ("in C where it can be", "letter by letter")
    plans = {
        (way, kind): Allocation.even_keeled("checkout-2026", {"a": 0.5, "b": 0.5}, **rest)
        for way in ways
        for kind, rest in kinds.items()
    }
    cells = {(*which, shape): math.inf for which in plans for shape in shapes}
    yardstick = math.inf
    for turn in range(10):  # all of it in turns: a busy machine is slow for seconds on end
        yardstick = min(yardstick, yardstick_us(4))
        for (way, kind, shape), before in cells.items():
            plan = plans[way, kind]
            assigned = plan.chance().by_subject(None) if way == ways[1] else None
            took = _assigned(plan, shapes[shape], turn, assigned)
            cells[way, kind, shape] = min(before, took)
    for way in ways:
        print(f"{f'µs, {way}':26}" + "".join(f"{name:>16}" for name in shapes))
        for kind in kinds:
            row = "".join(f"{cells[way, kind, shape]:16.2f}" for shape in shapes)
            print(f"{kind:26}{row}")
    slowest = max(took for (way, *_), took in cells.items() if way == ways[0])
    goal = ASSIGNMENT_GOAL_US * yardstick / POWERTOOLS_US
    print(
        f"goal {ASSIGNMENT_GOAL_US} µs; the slowest, as installed, took {slowest:.2f} µs\n"
        f"yardstick: AWS Powertools' handler takes {yardstick:.0f} µs here and {POWERTOOLS_US} µs "
        f"where the goals were set: {ASSIGNMENT_GOAL_US} µs there are {goal:.1f} µs here"
    )


ASSIGNMENT_GOAL_US = 5


def yardstick_us(turns: int = 20) -> float:
    """Time what `benchmarks/handler.py` measures this machine by, without a model behind it."""
    answered = [np.zeros((1, 2), np.float32)]
    handler = powertools_handler(lambda _: answered)
    asked, best = json_event("rows", np.zeros((1, 30), np.float32)), math.inf
    with redirect_stdout(NOWHERE):
        for _ in range(turns):
            start = time.process_time()
            for _ in range(100):
                handler(asked, CONTEXT)
            best = min(best, (time.process_time() - start) / 100)
    return 1e6 * best


def _assigned(
    plan: Allocation,
    make: Callable[[int], str],
    turn: int,
    instead: Callable[[str], object] | None,
) -> float:
    """Give the best of some rounds, in µs a subject."""
    best = math.inf
    for part in range(4):
        subjects = [make(turn * 10_000 + part * 2_000 + n) for n in range(2_000)]
        start = time.process_time()  # other processes share the machine
        if instead is None:
            for subject in subjects:
                assign(plan, subject)
        else:
            for subject in subjects:
                instead(subject)
        best = min(best, (time.process_time() - start) / len(subjects))
    return 1e6 * best


def bandit() -> None:
    """Regret of Thompson sampling with a floor, beside an even split."""
    rates, runs, batches, size = (0.05, 0.06, 0.055), 100 if LONG else 10, 60, 500
    print(f"arms {rates}, {batches * size:,} units in batches of {size}, {runs} runs;")
    print("conversions lost against always taking the best arm:")
    even = batches * size * (max(rates) - sum(rates) / 3)
    for floor in (0.01, 0.05, 0.1):
        regret = []
        for seed in range(runs):
            rng = random.Random(seed)
            counts = np.random.default_rng(seed)
            beliefs = [BetaPosterior() for _ in rates]
            shares, lost = (1 / 3,) * 3, 0.0
            for _ in range(batches):
                split = counts.multinomial(size, shares)
                won = counts.binomial(split, rates)
                beliefs = [
                    b.seen(int(w), int(n - w)) for b, w, n in zip(beliefs, won, split, strict=True)
                ]
                lost += float(split @ (max(rates) - np.array(rates)))
                shares = thompson_shares(beliefs, floor_share=floor, rng=rng, draws=300)
            regret.append(lost)
        bound = floor * batches * size * sum(max(rates) - rate for rate in rates)
        print(
            f"floor {floor:.2f}: {np.mean(regret):6.1f} ± {np.std(regret) / runs**0.5:.1f} "
            f"(the floor alone {bound:.0f}; an even split {even:.0f})"
        )


def big_experiment() -> ExperimentSpec:
    """Declare a sticky experiment with a metric of each kind."""
    return ExperimentSpec.from_dict(
        {
            "name": "big",
            "model": "tashkeel",
            "arms": [{"name": "a", "share": 0.5}, {"name": "b", "share": 0.5}],
            "unit": "subject",
            "subject": {"where": "header", "name": "x-user"},
            "metrics": [
                {"name": "conversion", "kind": "binary"},
                {"name": "revenue", "kind": "continuous", "role": "secondary", "winsor": 0.99},
                {"name": "per request", "outcome": "clicks", "kind": "ratio"}
                | {"denominator": "requests", "role": "secondary"},
            ],
        }
    )


def joining() -> None:
    """Join and report a million exposures and outcomes from JSON Lines."""
    rows = 1_000_000 if LONG else 100_000
    spec = big_experiment()
    with tempfile.TemporaryDirectory() as folder:
        exposures, outcomes = Path(folder) / "exposures.jsonl", Path(folder) / "outcomes.jsonl"
        _write(exposures, _exposures(spec, rows))
        _write(outcomes, _outcomes(rows))
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        start, cpu = time.perf_counter(), time.process_time()
        now = datetime.fromtimestamp(2_000_000_000, UTC)
        report = analyse(spec, [exposures], [outcomes], now=now)
        spent, cpu = time.perf_counter() - start, time.process_time() - cpu
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    print(as_text(report))
    print(
        f"{rows:,} exposures and {rows:,} outcomes joined and reported in {spent:.1f} s "
        f"({cpu:.1f} s of processor time); "
        f"peak memory {peak / 1024:.0f} MiB ({before / 1024:.0f} MiB before)"
    )


class FolderS3:
    """Answers as S3 does, from a folder: the reader is measured, not a network.

    Attributes:
        root: The bucket.
        given: Log files that were asked for.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self._keys = sorted(
            path.relative_to(root).as_posix() for path in root.rglob("*") if path.is_file()
        )
        self._listed = frozenset(self._keys)
        self._metadata: dict[str, dict[str, str]] = {}
        self.given = 0

    def get_paginator(self, operation: str) -> "FolderS3":
        """Give what lists objects."""
        return {"list_objects_v2": self}[operation]

    def paginate(self, **asked: str) -> Iterator[dict[str, object]]:
        """List a thousand objects a page."""
        found = [k for k in self._keys if k.startswith(asked["Prefix"]) and k > asked["StartAfter"]]
        for start in range(0, len(found), 1_000):
            yield {"Contents": [{"Key": key} for key in found[start : start + 1_000]]}

    def get_object(self, **asked: str) -> dict[str, object]:
        """Open one object."""
        path = self.root / asked["Key"]
        if not path.is_file():
            raise ClientError({"Error": {"Code": "NoSuchKey"}}, "GetObject")
        self.given += asked["Key"] in self._listed
        return {"Body": path.open("rb"), "Metadata": self._metadata.get(asked["Key"], {})}

    def put_object(self, **asked: Any) -> None:  # noqa: ANN401 - text, a stream, metadata
        """Keep one object."""
        path = self.root / asked["Key"]
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("wb") as stream:
            shutil.copyfileobj(asked["Body"], stream)
        self._metadata[asked["Key"]] = asked["Metadata"]


def logs() -> None:
    """Join and report what the recorder and the feedback route keep in S3, as the analyst does."""
    rows = 1_000_000 if LONG else 100_000
    spec = big_experiment()
    start = datetime.fromtimestamp(1_700_000_000, UTC)
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        for kind, records in (
            (EXPOSURES_PREFIX, _exposures(spec, rows)),
            (OUTCOMES_PREFIX, _outcomes(rows)),
        ):
            for number, part in enumerate(_parts(records, 500)):
                date = datetime.fromtimestamp(float(str(part[0]["at"])), UTC).date().isoformat()
                path = root / log_prefix(kind, "tashkeel", date) / f"{number:06d}.jsonl"
                path.parent.mkdir(parents=True, exist_ok=True)
                _write(path, iter(part))
        s3 = FolderS3(root)
        reading = LogReading(
            log=ExperimentLog(s3, "bucket"),
            checkpoints=Checkpoints(s3, "bucket"),
            model="tashkeel",
            experiment="big",
            span=Span(since=start),
            warn=print,
        )
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        print(f"{rows:,} exposures and {rows:,} outcomes in {2 * rows // 500:,} objects, reported")
        for name in ("from the log", "from its checkpoint"):
            begun, cpu, given = time.perf_counter(), time.process_time(), s3.given
            found = Desk().look(spec, reading, now=datetime.fromtimestamp(2_000_000_000, UTC))
            size = len(found.page(())) + len(orjson.dumps(found.document(())))
            spent, cpu = time.perf_counter() - begun, time.process_time() - cpu
            print(
                f"{name:20}{spent:6.1f} s ({cpu:.1f} s of processor time), "
                f"{s3.given - given:,} objects read, {size / 1024:.0f} KiB written"
            )
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        kept = (root / checkpoint_key("tashkeel", "big")).stat().st_size
    print(
        f"peak memory {peak / 1024:.0f} MiB ({before / 1024:.0f} MiB before), "
        f"checkpoint {kept / 2**20:.0f} MiB"
    )


def _parts(records: Iterator[dict[str, object]], size: int) -> Iterator[list[dict[str, object]]]:
    while part := list(islice(records, size)):
        yield part


def _write(path: Path, records: Iterator[dict[str, object]]) -> None:
    with path.open("wb") as stream:
        stream.writelines(orjson.dumps(record) + b"\n" for record in records)


def _exposures(spec: ExperimentSpec, rows: int) -> Iterator[dict[str, object]]:
    rng, allocation = random.Random(1), spec.allocation
    for index in range(rows):
        subject = f"{rng.randrange(rows // 2):032x}"
        yield {
            "experiment": "big",
            "unit": subject,
            "arm": assign(allocation, subject).arm,
            "inference_id": f"{index * 2654435761 % 2**32:08x}-9d4a-4f6b-8a7c-5e1d2f3a4b5c",
            "at": 1.7e9 + index,
        }


def _outcomes(rows: int) -> Iterator[dict[str, object]]:
    rng = random.Random(2)
    for index in range(rows):
        metric = ("conversion", "revenue", "clicks")[index % 3]
        yield {
            "inference_id": f"{index * 2654435761 % 2**32:08x}-9d4a-4f6b-8a7c-5e1d2f3a4b5c",
            "metric": metric,
            "value": rng.random() < 0.1 if metric == "conversion" else rng.random(),
            "at": 1.7e9 + index + 30,
        }


PARTS = {
    "aa": aa,
    "metrics": metrics,
    "power": power,
    "requests": requests,
    "mismatch": mismatch,
    "assign": assigning,
    "bandit": bandit,
    "join": joining,
    "logs": logs,
}

if __name__ == "__main__":
    if LONG:
        os.nice(15)
    wanted = [name for name in sys.argv[1:] if not name.startswith("--")] or list(PARTS)
    unknown = [name for name in wanted if name not in PARTS]
    if unknown:
        sys.exit(f"unknown part {unknown[0]!r}; parts: {', '.join(PARTS)}")
    print(
        f"Python {platform.python_version()}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}"
    )
    for part in wanted:
        print(f"\n== {part}")
        PARTS[part]()
