"""Work that nobody waits for: what it raises reaches the event loop's exception handler at once.

That prints it, unless the program has said otherwise; a task left to itself keeps it until nobody
holds the task any more, which may be never.

Source:
    docs.python.org/3/library/asyncio-dev.html, "Detect never-retrieved exceptions"; and
    asyncio-eventloop.html, "Error Handling API". Read 2026-11-22.
"""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any


def begin(work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
    """Run something to its end."""
    task = asyncio.get_running_loop().create_task(work)
    task.add_done_callback(_tell)
    return task


def begin_repeating(act: Callable[[], Awaitable[object]], *, every_s: float) -> asyncio.Task[None]:
    """Do something every so often until it is cancelled, whatever it raises.

    The same exception, raised again at once, is told once: a fault lasts, and a second is short.
    """

    async def repeat() -> None:
        told = ""
        while True:
            await asyncio.sleep(every_s)
            try:
                await act()
            except Exception as error:  # noqa: BLE001 - told; the next time may go well
                if repr(error) != told:
                    _report(error, act)
                told = repr(error)
            else:
                told = ""

    return begin(repeat())


def _tell(task: asyncio.Task[None]) -> None:
    if not task.cancelled() and (error := task.exception()) is not None:
        _report(error, task)


def _report(error: BaseException, what: object) -> None:
    asyncio.get_running_loop().call_exception_handler(
        {"message": f"the region failed at {what!r}", "exception": error}
    )
