"""Promise: what the region does in the background goes on, and no failure of it is lost."""

import asyncio

from local_region.background import begin, begin_repeating


def _told(work):
    """Run something; return the exceptions that the loop was told of."""
    told = []

    async def main():
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(lambda _, context: told.append(repr(context["exception"])))
        await work()

    asyncio.run(main())
    return told


def test_failure_of_work_that_nobody_waits_for_is_told_while_it_is_held():
    """Not when its task is collected, which may be never."""

    async def fail():
        raise ValueError("dry")

    async def main():
        held = begin(fail())
        await asyncio.wait({held})
        await asyncio.sleep(0)

    assert _told(main) == ["ValueError('dry')"]


def test_work_that_is_given_up_is_no_failure():
    """Closing a region cancels what it does."""

    async def main():
        held = begin(asyncio.sleep(3600))
        held.cancel()
        await asyncio.wait({held})
        await asyncio.sleep(0)

    assert _told(main) == []


def test_what_is_repeated_goes_on_after_a_failure_that_is_told_once():
    """One event that cannot be delivered stops neither alarms nor schedules."""
    outcomes = iter(["dry", "dry", "", "dry", "silted"])

    async def main():
        done = asyncio.Event()

        async def act():
            outcome = next(outcomes, None)
            if outcome is None:
                done.set()
            elif outcome:
                raise ValueError(outcome)

        repeating = begin_repeating(act, every_s=0)
        await done.wait()
        repeating.cancel()
        await asyncio.wait({repeating})

    expected = ["ValueError('dry')", "ValueError('dry')", "ValueError('silted')"]
    assert _told(main) == expected
