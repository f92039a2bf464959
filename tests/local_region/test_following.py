"""Promise: a running region follows its synthesis, and a broken one takes nothing away."""

import asyncio
import contextlib
import time

import pytest

from local_region.following import follow
from local_region.progress import UpdateRefused
from tests.local_region.test_region import write


@pytest.fixture
def followed(open_region, tmp_path):
    """A region that follows its folder."""
    folder = write(tmp_path)
    running = open_region(folder)

    async def start():
        return asyncio.ensure_future(follow(running.region, folder, running.events.append))

    task = running.run(start())
    yield running, tmp_path

    async def stop():
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task

    running.run(stop())


def _until(is_so):
    deadline = time.monotonic() + 60
    while not is_so():
        assert time.monotonic() < deadline
        time.sleep(0.1)


def test_new_synthesis_publishes_a_version(followed):
    """Synthesize again, and the running region has what it says; the alias stays where it was."""
    running, folder = followed

    write(folder, version="V2", answer="two")

    name = running.region.functions.list_functions()[0].function_name
    _until(lambda: len(running.call(running.region.functions.list_versions, name)) == 3)
    assert running.call(running.region.functions.get_alias, name, "live").function_version == "1"


def test_broken_synthesis_is_told_and_the_region_goes_on(followed):
    """A template that cannot be applied is refused in a sentence; requests are answered."""
    running, folder = followed
    manifest = folder / "manifest.json"

    manifest.write_text("{")

    _until(lambda: any(isinstance(event, UpdateRefused) for event in running.events))
    assert running.json("/v2/models/m/x")["answer"] == "one"
