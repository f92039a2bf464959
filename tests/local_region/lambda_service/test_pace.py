"""Functions of a region whose time is scaled tell the region's time, and wait in real time."""

import asyncio
import json
import random
from datetime import UTC, datetime

from local_region.lambda_service import LambdaService
from local_region.pace import Pace

TELLS = """
import datetime, time

def handler(event, context):
    begun = time.perf_counter()
    first = time.time()
    time.sleep(0.2)
    return {
        "told": datetime.datetime.now(datetime.timezone.utc).timestamp(),
        "passed": time.time() - first,
        "measured": time.perf_counter() - begun,
        "left_s": context.get_remaining_time_in_millis() / 1000,
    }
"""


def test_process_tells_the_regions_time_and_measures_real_time(lab):
    """A fifth of a second of sleep is ten seconds of the region; the deadline is scaled too."""
    pace = Pace(50.0)

    async def act():
        service = LambdaService(
            clock=pace.clock,
            rng=random.Random(7),
            log_sink=lab.lines.append,
            runtime=lab.runtime,
            boundary=pace.boundary(),
            state_folder=lab.folder / "state",
        )
        await service.start()
        try:
            service.create_function(lab.settings(TELLS, timeout_s=60))
            before = pace.clock.now()
            told = json.loads((await service.invoke("f", None, b"{}")).payload)
            return before, told, pace.clock.now()
        finally:
            await service.close()

    before, told, after = asyncio.run(act())

    assert before < datetime.fromtimestamp(told["told"], UTC) < after
    assert told["passed"] >= 50 * 0.2
    assert 0.2 <= told["measured"] < told["passed"]
    assert 60 < told["left_s"] <= 60 * 50
