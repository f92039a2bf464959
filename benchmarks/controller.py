"""How long the controller works from an alarm's change to the alias back on stable.

Real boto3 clients, signing and serialisation included, against moto, the local region's Lambda
control plane and its CloudWatch, all in this process: the network is left out, AWS's own work is
replaced by theirs. Goal: p99 ≤ 2 s. Run: python benchmarks/controller.py [--runs 200]
"""

import argparse
import logging
import statistics
import sys
import time
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "layers" / "runtime" / "python")]

from tests.falaj.rollout_region import RolloutRegion  # noqa: E402 - the path is set above

GOAL_S = 2.0
WISH = {"detail-type": "Parameter Store Change", "detail": {"name": "/falaj/models/m/x"}}


def rolled_back_in(region: RolloutRegion, *, is_new: bool) -> float:
    """Bake a canary, turn its alarm red, and time the event's handling in seconds."""
    controller = region.controller()
    version = region.release()
    controller(WISH)
    if region.alias != ("1", {version: 0.05}):
        raise SystemExit(f"no canary to roll back: {region.alias}")
    name = region.alarm(version)
    description = region.cloudwatch.alarms[name].description
    event = {
        "detail-type": "CloudWatch Alarm State Change",
        "detail": {"alarmName": name, "configuration": {"description": description}},
    }
    if is_new:
        controller = region.controller()
    set_before = len(region.functions.history)
    begun = time.perf_counter()
    controller(event)
    took = time.perf_counter() - begun
    if region.functions.history[set_before:] != [("1", {})]:
        raise SystemExit(f"not rolled back: {region.functions.history[set_before:]}")
    region.cloudwatch.delete_alarms([name])
    return took


def main() -> None:
    """Print p50 and p99, and the number of calls."""
    logging.disable(logging.CRITICAL)
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=200)
    runs = parser.parse_args().runs
    region = RolloutRegion()
    region.want("1")
    region.controller()(WISH)
    took = [rolled_back_in(region, is_new=run % 2 == 0) for run in range(runs)]
    region.close()
    cuts = statistics.quantiles(took, n=100, method="inclusive")
    verdict = "met" if cuts[98] <= GOAL_S else "missed"
    print(f"alarm change to alias on stable and everything recorded, {runs} runs")
    print(f"  p50 {cuts[49] * 1000:7.1f} ms")
    print(f"  p99 {cuts[98] * 1000:7.1f} ms   goal {GOAL_S * 1000:.0f} ms: {verdict}")
    print(f"  max {max(took) * 1000:7.1f} ms")


if __name__ == "__main__":
    main()
