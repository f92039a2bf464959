"""Promise: what a busy machine takes from a function is not taken for the function's time."""

import asyncio
import os
import subprocess
import sys
from pathlib import Path

import pytest

from local_region.patience import Patience, held_up_s, is_done_within

BUSY = "import os; os.sched_setaffinity(0, {0}); print(flush=True)\nwhile True: pass"


class Machine:
    """A machine whose time, and whose want of processors, are told."""

    def __init__(self):
        self.now_s = self.held_s = 0.0

    def patience(self, seconds):
        """Begin to wait."""
        return Patience(seconds, lambda: self.held_s, lambda: self.now_s)

    def look(self, patience, *, at_s, held_s=0.0):
        """Look at a later time, the process having stood in line so long; round to a tenth."""
        self.now_s, self.held_s = at_s, held_s
        return round(patience.left(), 1)


def test_patience_ends_with_its_seconds():
    """On a machine with processors to spare a limit is a limit."""
    machine = Machine()
    patience = machine.patience(5)

    assert machine.look(patience, at_s=5) == 0


def test_time_in_line_does_not_count():
    """Eight seconds, of which seven went by in line: four of the five are left."""
    machine = Machine()
    patience = machine.patience(5)

    assert machine.look(patience, at_s=5, held_s=4.5) == 4.5
    assert machine.look(patience, at_s=9.5, held_s=7) == 2.5
    assert machine.look(patience, at_s=12, held_s=7) == 0


def test_what_was_in_line_before_counts_for_nothing():
    """Only what happens while one waits is excused."""
    machine = Machine()
    machine.held_s = 100.0
    patience = machine.patience(5)

    assert machine.look(patience, at_s=5, held_s=100.0) == 0


def test_a_late_look_is_made_up_for_once():
    """A loop that was held for twenty seconds first hears what came meanwhile."""
    machine = Machine()
    patience = machine.patience(5)

    assert machine.look(patience, at_s=25) == 5
    assert machine.look(patience, at_s=50) == 0


def test_a_little_more_is_not_worth_a_wait():
    """No loop is punctual to a few milliseconds."""
    machine = Machine()
    patience = machine.patience(5)

    assert machine.look(patience, at_s=5.04) == 0


@pytest.mark.parametrize(("held_s", "is_done"), [(60.0, True), (0.0, False)])
def test_work_is_waited_for_as_long_as_patience_lasts(held_s, is_done):
    """Work that is held up is waited for; work that is not is given up, and goes on."""

    async def wait():
        work = asyncio.get_running_loop().create_future()
        looks = []

        def held_up():
            looks.append(held_s if looks else 0.0)
            if looks[-1]:  # it comes to its end while it is waited for again
                work.get_loop().call_soon(work.set_result, None)
            return looks[-1]

        return await is_done_within(work, Patience(0.1, held_up)), work.done()

    assert asyncio.run(wait()) == (is_done, is_done)


def test_nobody_stands_in_line_who_is_not_there():
    """A process that has ended, or a system that counts nothing."""
    assert held_up_s(2**22) == 0


@pytest.mark.skipif(not Path("/proc/self/schedstat").exists(), reason="nobody counts it here")
def test_a_process_on_a_taken_processor_stands_in_line():
    """Two that want one processor: each waits while the other has it."""
    processes = [
        subprocess.Popen([sys.executable, "-c", BUSY], stdout=subprocess.PIPE) for _ in range(2)
    ]
    try:
        for process in processes:
            process.stdout.readline()
        before = held_up_s(processes[0].pid)
        while held_up_s(processes[0].pid) < before + 0.2:
            os.sched_yield()
    finally:
        for process in processes:
            process.kill()
            process.communicate()
