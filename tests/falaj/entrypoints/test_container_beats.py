"""Every ten seconds a container tells its counts, its GPU and whether it may be stopped."""

import asyncio
import json
from types import SimpleNamespace

import pytest

from falaj.config.container import ContainerSettings
from falaj.entrypoints.container_beats import Beats
from falaj.entrypoints.container_process import EXIT_HUNG
from tests.falaj.clocks import StandingClock


class Protection:
    """Hears whether the replica works."""

    def __init__(self):
        self.heard, self.is_dark = [], False

    def tell(self, *, is_busy, now):
        """Hear it."""
        if self.is_dark:
            raise OSError("no route")
        self.heard.append((is_busy, now))


class Meter:
    """A GPU that is half busy."""

    @staticmethod
    def percent():
        """Its utilisation."""
        return 50


def beating(*, in_flight=0, waiting=0, lasted_s=0.0, meter=None, protection=None):
    """A container's beats, and what they write."""
    lines, clock = [], StandingClock()
    worker = SimpleNamespace(
        scheduler=SimpleNamespace(in_flight=in_flight, waiting=waiting),
        model=SimpleNamespace(name="vision", version="3"),
        timeout_s=90.0,
        longest_run_s=lambda: lasted_s,
    )
    served = SimpleNamespace(workforce=[worker], default_model="vision")
    ledger = SimpleNamespace(flush=lambda at: lines.append(f"flushed {at:%H}"))
    beats = Beats(
        ContainerSettings(model_root="/models"),
        served,
        ledger,
        clock=clock,
        write=lines.append,
        meter=meter,
        protection=protection,
        end=lines.append,
    )

    async def once():
        beats()
        if beats._telling is not None:
            await beats._telling

    asyncio.run(once())
    return lines


def test_counts_and_gpu_are_told():
    """Both go where CloudWatch finds its metrics: the log."""
    flushed, gpu = beating(meter=Meter())
    assert flushed == "flushed 12"
    assert json.loads(gpu)["GpuUtilisation"] == 50


def test_on_a_processor_there_is_no_gpu_to_tell_of():
    """No metric at all, rather than an idle GPU that nobody has."""
    assert beating() == ["flushed 12"]


@pytest.mark.parametrize(
    ("in_flight", "waiting", "is_busy"), [(0, 0, False), (1, 0, True), (0, 3, True)]
)
def test_a_replica_is_busy_while_anybody_waits(in_flight, waiting, is_busy):
    """In a run or in the queue: both must be answered first."""
    protection = Protection()
    beating(in_flight=in_flight, waiting=waiting, protection=protection)
    assert [heard for heard, _ in protection.heard] == [is_busy]


def test_an_agent_that_is_gone_is_a_warning():
    """Serving goes on; a stop drains as always."""
    protection = Protection()
    protection.is_dark = True
    assert "no route" in beating(protection=protection)[-1]


def test_a_run_that_does_not_end_ends_the_process():
    """A thread cannot be ended; ECS starts another replica, and the log says why."""
    _, line, status = beating(lasted_s=181.0)
    assert json.loads(line) == {
        "level": "ERROR",
        "message": "a run does not end",
        "model": "vision",
        "model_version": "3",
        "lasted_s": 181,
    }
    assert status == EXIT_HUNG


def test_a_long_run_is_none_that_hangs():
    """Twice as long as anybody waits is its time."""
    assert beating(lasted_s=179.0) == ["flushed 12"]
