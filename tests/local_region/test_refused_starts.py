"""Promise: people are told at the first environment that refuses what it should load."""

import shutil
from datetime import UTC, datetime, timedelta

import pytest

from local_region.progress import AlarmChanged

pytestmark = pytest.mark.slow

ROW = b'{"inputs": [{"name": "features", "datatype": "FP32", "shape": [1, 1], "data": [0]}]}'


class HandClock:
    """Moves when told."""

    def __init__(self):
        self.at = datetime.now(UTC)

    def now(self):
        """The time."""
        return self.at


def test_an_altered_model_answers_nothing_and_turns_the_alarm_red(
    synthesized, open_region, tmp_path
):
    """A byte changed in what is deployed: no answer is made with it, and the topic is told why."""
    folder = tmp_path / "cdk.out"
    shutil.copytree(synthesized("smb"), folder)
    (model,) = folder.glob("asset.*/models/breast-cancer/1/model.onnx")
    content = bytearray(model.read_bytes())
    content[-1] ^= 1
    model.write_bytes(content)
    clock = HandClock()
    running = open_region(folder, clock=clock, ticks=False)

    status, _, _ = running.request("/v2/models/breast-cancer/infer", body=ROW)
    for _ in range(3):
        clock.at += timedelta(minutes=1)
        running.run(running.region.tick())
    red = [
        event.change.alarm
        for event in running.events
        if isinstance(event, AlarmChanged)
        and event.change.after.value == "ALARM"
        and "RefusedStarts" in event.change.alarm.name
    ]

    assert status == 500
    assert ['"refused to start"' in alarm.description for alarm in red] == [True]
