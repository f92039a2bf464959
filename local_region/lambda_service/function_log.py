"""A function's standard output and error, read as they come and cut into log events."""

import asyncio
import os
from collections import deque
from collections.abc import Callable
from typing import Final

LONGEST_LINE_BYTES: Final = 256 * 1024
"""Longer lines are cut, as CloudWatch Logs cuts events."""

TAIL_BYTES: Final = 4096
"""What Invoke returns for `LogType=Tail`; docs.aws.amazon.com/lambda/latest/api/API_Invoke.html."""
_CHUNK_BYTES: Final = 256 * 1024


class LogPipe:
    """The pipe both streams of a process write into.

    Args:
        take: Gets each line, without its end.
    """

    def __init__(self, take: Callable[[str], None]) -> None:
        self._take = take
        self._reader, self.write_end = os.pipe()
        os.set_blocking(self._reader, False)
        self._rest = b""
        self._loop = asyncio.get_running_loop()
        self._loop.add_reader(self._reader, self.drain)

    def drain(self) -> None:
        """Take everything written so far: what a process wrote before it answered is here."""
        while self._reader >= 0:
            try:
                chunk = os.read(self._reader, _CHUNK_BYTES)
            except BlockingIOError:
                return
            if not chunk:
                self._loop.remove_reader(self._reader)
                return
            self._cut(chunk)
            if len(chunk) < _CHUNK_BYTES:  # a pipe gives all it holds
                return

    def close_write_end(self) -> None:
        """Let go of the end that the process holds now."""
        os.close(self.write_end)

    def close(self) -> None:
        """Take what is left and close."""
        self.drain()
        if self._rest:
            self._emit(self._rest)
            self._rest = b""
        self._loop.remove_reader(self._reader)
        os.close(self._reader)
        self._reader = -1

    def _cut(self, chunk: bytes) -> None:
        *lines, self._rest = (self._rest + chunk).split(b"\n")
        for line in lines:
            self._emit(line)
        while len(self._rest) > LONGEST_LINE_BYTES:
            self._emit(self._rest[:LONGEST_LINE_BYTES])
            self._rest = self._rest[LONGEST_LINE_BYTES:]

    def _emit(self, line: bytes) -> None:
        # awslambdaric ends the lines within one event by a carriage return.
        self._take(line.decode("utf-8", "replace").rstrip("\r").replace("\r", "\n"))


class LogTail:
    """The last 4 KB of one request's log."""

    def __init__(self) -> None:
        self._lines: deque[str] = deque()
        self._size = 0

    def add(self, line: str) -> None:
        """Add a line and forget what no longer fits."""
        self._lines.append(line)
        self._size += len(line) + 1
        while self._size - len(self._lines[0]) - 1 >= TAIL_BYTES:
            self._size -= len(self._lines.popleft()) + 1

    def text(self) -> str:
        """Return the tail."""
        whole = "\n".join(self._lines).encode() + b"\n"
        return whole[-TAIL_BYTES:].decode("utf-8", "ignore")
