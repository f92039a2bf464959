"""One container as a process: started, heard, asked to stop, killed."""

import asyncio
import contextlib
import json
import os
import signal
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from local_region.lambda_service.function_log import LogPipe
from local_region.lifeline import Lifeline

READY: Final = "ready"
_KEPT_LINES: Final = 20


class ContainerProcess:
    """A process and its children.

    Args:
        command: What runs.
        environment: Its whole environment.
        folder: Where it starts.
        log: Gets each line it writes.

    Attributes:
        listening: What it said of its ports when it was ready, by name; empty before.
        tail: The last lines it wrote.
    """

    def __init__(
        self,
        command: tuple[str, ...],
        *,
        environment: Mapping[str, str],
        folder: Path,
        log: Callable[[str], None],
    ) -> None:
        self._command, self._environment, self._folder = command, environment, folder
        self._log = log
        self._process: asyncio.subprocess.Process | None = None
        self.listening: dict[str, int] = {}
        self.tail: list[str] = []

    @property
    def pid(self) -> int | None:
        """The process, once it is started."""
        return self._process.pid if self._process else None

    @property
    def returncode(self) -> int | None:
        """Its exit code; None while it runs."""
        return self._process.returncode if self._process else None

    async def start(self) -> None:
        """Start it.

        Raises:
            OSError: There is no such program.
        """
        self._pipe = LogPipe(self._take)
        self._lifeline = Lifeline()
        try:
            self._process = await asyncio.create_subprocess_exec(
                *self._command,
                cwd=self._folder,
                env=dict(self._environment),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=self._pipe.write_end,
                stderr=self._pipe.write_end,
                start_new_session=True,
                pass_fds=self._lifeline.passed,
            )
            self._lifeline.tie(self._process.pid)
        except OSError:
            self._pipe.close_write_end()
            self._pipe.close()
            self._lifeline.close()
            raise
        self._pipe.close_write_end()

    async def ended(self) -> int:
        """Wait for its end; return its exit code, negative for a signal."""
        if self._process is None:
            return -1
        code = await self._process.wait()
        self._kill_group()  # children that outlived it
        self._pipe.close()
        self._lifeline.close()
        return code

    def ask_to_stop(self, number: signal.Signals) -> None:
        """Send the image's stop signal."""
        if self._process is not None and self._process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                self._process.send_signal(number)

    def kill(self) -> None:
        """End it at once, with its children."""
        if self._process is not None and self._process.returncode is None:
            self._kill_group()

    def _kill_group(self) -> None:
        if self._process is not None:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self._process.pid, signal.SIGKILL)

    def _take(self, line: str) -> None:
        if not self.listening and f'"{READY}"' in line:
            self.listening = _ports(line)
        self.tail = [*self.tail[1 - _KEPT_LINES :], line]
        self._log(line)


def _ports(line: str) -> dict[str, int]:
    """Read the ports of the line by which a container says that it is ready."""
    try:
        said = json.loads(line)
    except ValueError:
        return {}
    if not isinstance(said, dict) or said.get("message") != READY:
        return {}
    return {name: port for name, port in said.items() if name.endswith("_port")}
