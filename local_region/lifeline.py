"""Children that do not outlive this process, however it ends.

A child holds one end of a pipe that is never written to, and this process the other. When this
process is gone the kernel closes the other end, and sends SIGKILL to the child's process group:
that is what the pipe was told to do. Nothing runs in the child for it, unlike PR_SET_PDEATHSIG,
which a child sets itself, which ends with the *thread* that started it, and which leaves what the
child has started.

Source:
    fcntl(2), "Managing signals": F_SETOWN takes a process group as a negative number, F_SETSIG any
    signal; pipe(7), "O_ASYNC": "a signal will be generated when new input becomes available", also
    for the end of input. Both flags belong to the open file that parent and child share. Read
    2026-11-22.
"""

import contextlib
import fcntl
import os
import signal
import sys


class Lifeline:
    """One child's; on Linux. Elsewhere a child whose connections are cut ends by itself, or not."""

    def __init__(self) -> None:
        self._ends = list(os.pipe()) if sys.platform == "linux" else []

    @property
    def passed(self) -> tuple[int, ...]:
        """What the child must be given, for `pass_fds`."""
        return tuple(self._ends[:1])

    def tie(self, leader: int) -> None:
        """End a process group with this process.

        Args:
            leader: The child, which leads a group of its own and was given `passed`.
        """
        if sys.platform != "linux":
            return
        end, *self._ends = self._ends
        with contextlib.suppress(ProcessLookupError):  # it has ended already
            fcntl.fcntl(end, fcntl.F_SETSIG, signal.SIGKILL)
            fcntl.fcntl(end, fcntl.F_SETOWN, -leader)
            fcntl.fcntl(end, fcntl.F_SETFL, fcntl.fcntl(end, fcntl.F_GETFL) | os.O_ASYNC)
        os.close(end)  # the child has it

    def close(self) -> None:
        """Let go; whatever of the group is left ends."""
        ends, self._ends = self._ends, []
        for end in ends:
            os.close(end)
