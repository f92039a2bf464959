"""Work leaves the loop, and what it comes to returns to it."""

import asyncio
from threading import Barrier, current_thread, main_thread

from falaj.batching.threads import Threads


def played(story, most=4):
    """Play a story on a loop; return what it returns."""

    async def play():
        threads = Threads(asyncio.get_running_loop())
        try:
            return await story(threads.lane(most))
        finally:
            threads.close(wait=True)

    return asyncio.run(play())


def test_work_is_done_elsewhere_and_told_here():
    """The loop's own state needs no locks."""

    async def story(lane):
        told = asyncio.get_running_loop().create_future()

        def tell(worker):
            told.set_result((worker is main_thread(), current_thread() is main_thread()))

        lane.start(current_thread, tell)
        return await told

    assert played(story) == (False, True)


def test_as_many_work_at_once_as_were_started():
    """Instances of a model run beside each other: each waits here until all are there."""

    async def story(lane):
        together = Barrier(3, timeout=30)
        loop = asyncio.get_running_loop()
        told = [loop.create_future() for _ in range(3)]
        for future in told:
            lane.start(together.wait, future.set_result)
        return sorted(await asyncio.gather(*told))

    assert played(story) == [0, 1, 2]


def test_what_is_beyond_the_bound_waits():
    """Two jobs on one thread: both are done, the first first."""

    async def story(lane):
        loop, done = asyncio.get_running_loop(), []
        last = loop.create_future()
        lane.start(lambda: "first", done.append)
        lane.start(lambda: "second", lambda result: last.set_result([*done, result]))
        return await last

    assert played(story, most=1) == ["first", "second"]


def test_an_exception_is_the_loops_to_report():
    """A fault of the work is seen, and the thread goes on."""

    async def story(lane):
        loop = asyncio.get_running_loop()
        seen, after = loop.create_future(), loop.create_future()
        loop.set_exception_handler(lambda _, context: seen.set_result(context["exception"]))
        lane.start(lambda: 1 // 0, lambda _: None)
        error = await seen
        lane.start(lambda: "goes on", after.set_result)
        return type(error), await after

    assert played(story, most=1) == (ZeroDivisionError, "goes on")
