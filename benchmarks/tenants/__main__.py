"""What a tenant's flood costs another tenant: p99 alone, and beside ten times a quota.

    python -m benchmarks.tenants prepare                  # synthesizes; needs no quiet
    python -m benchmarks.tenants measure --profile smb --surface function   # a block: a minute
    python -m benchmarks.tenants pool                     # all blocks so far; decides
    python -m benchmarks.tenants [--surface function]     # all of it in turn, from the beginning

The procedure, as it was fixed before it was run:

- A local region with bounded tenants is opened over the repository's own model, in each profile
  with the model in a function, in a container by REST, and in a container by gRPC. `globex` asks 30
  times a second of the 100 it may; `acme` may ask twice and asks 20 times, ten times its quota.
  Each has a generator in a process of its own; requests come at random moments, whatever became of
  those before (benchmarks/tenants/caller.py).
- A pair is two seconds of `globex` alone and two beside the flood, in an order that is drawn;
  `globex` asks at the same moments in both. The flood begins 0.3 s sooner, so that its bucket is
  empty when it counts. A block is a region of its own with `PAIRS` pairs, after every connection
  was used and one flood was thrown away. A case is `BLOCKS` blocks.
- What decides is the p99 of all of `globex`'s times beside divided by that of all alone, with the
  interval that 95 of 100 resamplings of the blocks, and of the pairs within them, give
  (benchmarks/tenants/verdict.py). No pair and no block is left out; a request of `globex` that is
  not answered with success fails the case whatever the ratio is.
- Blocks are added to a file, so that a long run is many short ones. A case with fewer than `BLOCKS`
  blocks decides nothing, and none counts beyond them. Each names its commit: for other code begin
  another file (`--kept`).

Alarms, schedules and auditors' records rest meanwhile: on AWS they run elsewhere.

It ends with 0 where every case measured is shown to be at most 1.2, with 3 where one is refuted,
and with 4 otherwise. The region's processes and both generators share this machine's cores, which
Lambda's and API Gateway's do not; what a refused request costs in processor time is printed too.
"""

import argparse
import asyncio
import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from typing import Any, Final

import uvloop

from benchmarks.tenants.bed import ASKED, QUOTA, ROOT, SURFACES, prepare
from benchmarks.tenants.pairs import block
from benchmarks.tenants.verdict import (
    OPEN,
    REFUTED,
    TOLERATED,
    estimate,
    p99,
    ratio,
    spent,
    statuses,
    took_ms,
    typical_ratio,
)

PROFILES: Final = ("smb", "enterprise")
PAIRS: Final = 9
BLOCKS: Final = {"function": 16, "container": 8, "grpc": 8}
"""More where more is random: a function's environments count by calls that wait for each other."""
KEPT: Final = ROOT / ".build" / "tenants" / "blocks.jsonl"
ANSWERED: Final = frozenset({"200", "OK"})
REFUSED: Final = frozenset({"429", "RESOURCE_EXHAUSTED"})


def commit() -> str:
    """Return which code is measured."""
    words = ["git", "rev-parse", "--short", "HEAD"]
    found = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=False)
    return found.stdout.strip()


def read(path: Path) -> list[dict[str, Any]]:
    """Return every block of a file."""
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def measure(profile: str, surface: str, *, pairs: int, path: Path) -> None:
    """Measure one block and add it to the file."""
    number = sum((b["profile"], b["surface"]) == (profile, surface) for b in read(path))
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        found = runner.run(block(profile, surface, number=number, pairs=pairs))
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a") as file:
        file.write(json.dumps({"commit": commit(), **found}) + "\n")
    said = f"{ratio(found['pairs']):.2f}, load {found['load']}"
    print(f"{profile} {surface}: block {number + 1} of {BLOCKS[surface]}: ratio {said}", flush=True)


def pool(blocks: Sequence[dict[str, Any]]) -> int:
    """Say what the blocks of each case show; return what the program ends with."""
    cases = sorted({(each["profile"], each["surface"]) for each in blocks})
    ends = {
        _case([b for b in blocks if (b["profile"], b["surface"]) == case][: BLOCKS[case[1]]])
        for case in cases
    } or {OPEN.exit_code}
    return REFUTED.exit_code if REFUTED.exit_code in ends else max(ends)


def _case(blocks: Sequence[dict[str, Any]]) -> int:
    pairs = [pair for each in blocks for pair in each["pairs"]]
    commits = ", ".join(sorted({each["commit"] for each in blocks}))
    print(
        f"{blocks[0]['profile']}, {blocks[0]['surface']}: {len(blocks)} blocks, {len(pairs)} pairs"
        f" (commit {commits}; load before {median(each['load'][0] for each in blocks):g})"
    )
    alone, beside = took_ms(pairs, "alone"), took_ms(pairs, "beside")
    for name, took in (("alone", alone), ("beside the flood", beside)):
        shown = f"median {median(took):.2f} ms, p99 {p99(took):.2f} ms"
        print(f"  globex {name}: {len(took)} requests, {shown}")
    own = statuses(pairs, "alone", "globex") + statuses(pairs, "beside", "globex")
    flood = statuses(pairs, "beside", "acme")
    print(f"  globex, {ASKED['globex']:g}/s of {QUOTA['globex']:g}/s: {dict(own)}")
    print(f"  acme, {ASKED['acme']:g}/s of {QUOTA['acme']:g}/s: {dict(flood)}")
    cost = spent(pairs, REFUSED)
    print(
        f"  processor: {cost.answered_ms:.2f} ms for an answered request, {cost.refused_ms:.2f} ms"
        f" for a refused one; DynamoDB calls alone {cost.calls[0]}, beside {cost.calls[1]}"
    )
    grouped = [each["pairs"] for each in blocks]
    found, verdict = estimate(ratio, grouped), OPEN
    print(f"  by pair, the median: {estimate(typical_ratio, grouped)}")
    if set(own) - ANSWERED:
        why, verdict = "globex was refused", REFUTED
    elif len(blocks) < (wanted := BLOCKS[blocks[0]["surface"]]):
        why = f"{len(blocks)} of {wanted} blocks decide nothing"
    else:
        verdict = found.verdict
        why = verdict.word
    print(f"  ratio of the p99s: {found}; at most {TOLERATED}: {why}")
    return verdict.exit_code


def everything(cases: Sequence[tuple[str, str]], path: Path) -> None:
    """Measure every block of every case in turn, each in a process of its own, into a new file."""
    path.unlink(missing_ok=True)
    words = [sys.executable, "-m", "benchmarks.tenants", "measure", "--kept", str(path)]
    for number in range(max(BLOCKS.values())):
        for profile, surface in cases:
            if number < BLOCKS[surface]:
                named = ["--profile", profile, "--surface", surface]
                subprocess.run([*words, *named], cwd=ROOT, check=True)


def main() -> int:
    """Read the arguments."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.tenants",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "step", choices=("prepare", "measure", "pool", "all"), nargs="?", default="all"
    )
    parser.add_argument("--profile", choices=PROFILES, action="append")
    parser.add_argument("--surface", choices=tuple(SURFACES), action="append")
    parser.add_argument("--pairs", type=int, default=PAIRS)
    parser.add_argument("--kept", type=Path, default=KEPT, help="file to which blocks are added")
    options = parser.parse_args()
    cases = [
        (profile, surface)
        for profile in options.profile or PROFILES
        for surface in options.surface or SURFACES
    ]
    if options.step in {"prepare", "all"}:
        for profile, target in dict.fromkeys((p, SURFACES[s]) for p, s in cases):
            prepare(profile, target)
    if options.step == "measure":
        for profile, surface in cases:
            measure(profile, surface, pairs=options.pairs, path=options.kept)
    if options.step == "all":
        everything(cases, options.kept)
    return pool(read(options.kept)) if options.step in {"pool", "all"} else 0


if __name__ == "__main__":
    raise SystemExit(main())
