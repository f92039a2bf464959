"""One execution environment: a function process, its Runtime API and its log."""

import asyncio
import contextlib
import enum
import os
import shutil
import signal
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from local_region.background import begin
from local_region.lambda_service import extensions, memory
from local_region.lambda_service.function_log import LogPipe
from local_region.lambda_service.runtime_api import Delivery, Posted, RuntimeConnection
from local_region.lambda_service.values import VersionView
from local_region.lifeline import Lifeline
from local_region.patience import Patience, held_up_s

_BOOTSTRAP: Final = Path(__file__).with_name("bootstrap.py")


class End(enum.Enum):
    """How a phase of an environment ended."""

    WAITING = "waiting"  # the runtime asks for the next invocation
    EXITED = "exited"
    TIMED_OUT = "timed out"
    OUT_OF_MEMORY = "out of memory"


@dataclass(frozen=True, slots=True, kw_only=True)
class Phase:
    """What came of an Init or Invoke phase.

    Args:
        end: How it ended.
        posted: What the runtime answered, or why it could not start, if it said.
        exit_status: Of a process that exited; negative for a signal.
        milliseconds: How long it took.
        peak_mib: The most resident memory of the process so far.
    """

    end: End
    posted: Posted | None
    exit_status: int | None
    milliseconds: float
    peak_mib: float

    @property
    def is_alive(self) -> bool:
        """Tell whether the environment can take another invocation."""
        return self.end is End.WAITING


class Environment:
    """A function process that serves one request at a time.

    Args:
        identity: Hexadecimal name, part of the log stream's.
        version: What it runs.
        interpreter: Runs `bootstrap.py`.
        variables: The process's whole environment, but for the Runtime API's address.
        scratch: Its own /tmp, removed when it ends.
        log: Gets each line the process writes.
    """

    def __init__(
        self,
        *,
        identity: str,
        version: VersionView,
        interpreter: Path,
        variables: Mapping[str, str],
        scratch: Path,
        log: Callable[["Environment", str], None],
    ) -> None:
        self.identity, self.version = identity, version
        self.request_id = ""
        self._interpreter, self._variables, self._scratch = interpreter, variables, scratch
        self._log = log
        self._server: asyncio.Server | None = None
        self._process: asyncio.subprocess.Process | None = None
        self._watch: asyncio.Task[None] | None = None
        self._pipe: LogPipe | None = None
        self._lifeline: Lifeline | None = None
        self._waiting: RuntimeConnection | None = None
        self._connections: set[RuntimeConnection] = set()
        self._phase_end: asyncio.Future[End] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._posted: Posted | None = None
        self._peak_mib = 0.0
        self._stood_s = 0.0
        self._stood_before_s: float | None = None
        self._is_closed = False
        self._extensions = extensions.Extensions(
            identity,
            {
                "functionName": version.function_name,
                "functionVersion": version.version,
                "handler": version.settings.handler,
            },
        )

    @property
    def is_resting(self) -> bool:
        """Tell whether extensions are done too; until then it is not free."""
        return self._extensions.are_ready

    async def rest(self, limit_s: float) -> bool:
        """Wait until extensions are done with the last invocation; false if it takes too long."""
        try:
            async with asyncio.timeout(limit_s):
                await self._extensions.ready()
        except TimeoutError:
            return False
        if self._pipe is not None:
            self._pipe.drain()
        return self.is_waiting

    @property
    def is_waiting(self) -> bool:
        """Tell whether the runtime waits for an invocation."""
        return self._waiting is not None

    @property
    def pid(self) -> int | None:
        """The process, while there is one."""
        return self._process.pid if self._process else None

    @property
    def held_up_s(self) -> float:
        """How long the machine has kept it from what it does now, for want of a processor."""
        return self._stood() - (self._stood_before_s or 0.0)

    # ----------------------------------------------------------------- phases
    async def init(self, limit_s: float) -> Phase:
        """Start the process anew and wait until it asks for its first invocation."""
        await self.stop()
        started = time.perf_counter()
        self._posted = None
        self._peak_mib = 0.0
        end = self._begin()
        if not self._is_closed:
            await self._spawn()
        if self._is_closed:  # before, or while the process was being started
            await self.close()
        return await self._finish(end, Patience(limit_s, self._stood), started)

    async def run(self, delivery: Delivery, limit_s: float) -> Phase:
        """Have the process answer one request.

        Its answer counts once the runtime is back for the next one, so that the environment is free
        when the caller hears; a runtime that exits in between has still answered.
        """
        started = time.perf_counter()
        patience = Patience(limit_s, self._stood)
        # What a cold start has cost is part of the first request's time.
        self._stood_before_s = 0.0 if self._stood_before_s is None else patience.before_s
        self._posted = None
        self.request_id = delivery.request_id
        end = self._begin()
        waiting, self._waiting = self._waiting, None
        if waiting is None:
            self._end_phase(End.EXITED)
        else:
            waiting.deliver(delivery)
            headers = delivery.headers
            self._extensions.announce(
                request_id=delivery.request_id,
                deadline_ms=headers.get("Lambda-Runtime-Deadline-Ms", ""),
                arn=headers.get("Lambda-Runtime-Invoked-Function-Arn", ""),
                trace=headers.get("Lambda-Runtime-Trace-Id", ""),
            )
        return await self._finish(end, patience, started)

    def exceeds_memory(self) -> bool:
        """End the phase if the process holds more memory than the function has."""
        process, end = self._process, self._phase_end
        if process is None or end is None or end.done():
            return False
        used = memory.used_mib(process.pid)
        self._peak_mib = max(self._peak_mib, used)
        if used <= self.version.settings.memory_mib:
            return False
        self._end_phase(End.OUT_OF_MEMORY)
        return True

    def expire(self) -> None:
        """End the phase as its time limit would, now."""
        self._end_phase(End.TIMED_OUT)

    async def stop(self) -> None:
        """Kill the process and its children; what it wrote last still reaches the log."""
        process, self._process = self._process, None
        if process is not None:
            self._stood_s += held_up_s(process.pid)
            _kill_group(process.pid)
            await process.wait()
        lifeline, self._lifeline = self._lifeline, None
        if lifeline is not None:
            lifeline.close()
        watch, self._watch = self._watch, None
        if watch is not None:
            await watch
        pipe, self._pipe = self._pipe, None
        if pipe is not None:
            pipe.close()
        for connection in tuple(self._connections):
            connection.close()
        await asyncio.sleep(0)  # lets the aborted connections go before the loop may end
        self._connections.clear()
        self._extensions.forget()
        self._waiting = None
        self._end_phase(End.EXITED)

    async def close(self) -> None:
        """Stop, and free the port and the scratch folder."""
        self._is_closed = True
        await self.stop()
        server, self._server = self._server, None
        if server is not None:
            server.close()
            await server.wait_closed()
        shutil.rmtree(self._scratch, ignore_errors=True)

    # ------------------------------------------------------- runtime's calls
    def runtime_waits(self, endpoint: RuntimeConnection) -> None:
        """Park the runtime; the phase it finished is over."""
        self._waiting = endpoint
        if self._pipe is not None:
            self._pipe.drain()
        is_init, self._extensions.is_open = self._extensions.is_open, False
        if not is_init or self.is_resting:
            self._end_phase(End.WAITING)

    def runtime_posted(self, request_id: str, posted: Posted) -> bool:
        """Keep the answer until the runtime is back."""
        if request_id != self.request_id or self._posted is not None:
            return False
        self._posted = posted
        return True

    def runtime_failed_to_start(self, posted: Posted) -> None:
        """Keep the reason; the process is about to exit."""
        self._posted = posted

    def extension_registers(self, name: str, body: bytes) -> extensions.Answer:
        """Take an extension, while the runtime starts."""
        return self._extensions.register(name, body)

    def extension_waits(
        self, identifier: str, endpoint: RuntimeConnection
    ) -> extensions.Answer | None:
        """Park an extension; the Init phase is over when the last one waits."""
        answer = self._extensions.wait(identifier, endpoint)
        if self.is_waiting and self.is_resting:
            self._end_phase(End.WAITING)
        return answer

    def runtime_left(self, endpoint: RuntimeConnection) -> None:
        """Forget a connection."""
        self._connections.discard(endpoint)
        if self._waiting is endpoint:
            self._waiting = None

    # ----------------------------------------------------------------- private
    def _begin(self) -> "asyncio.Future[End]":
        self._phase_end = asyncio.get_running_loop().create_future()
        return self._phase_end

    def _end_phase(self, how: End) -> None:
        if self._phase_end is not None and not self._phase_end.done():
            self._phase_end.set_result(how)

    def _wait(self, seconds: float, patience: Patience) -> None:
        loop = asyncio.get_running_loop()
        self._timer = loop.call_later(seconds, self._look, patience)

    def _look(self, patience: Patience) -> None:
        if left_s := patience.left():
            self._wait(left_s, patience)
        else:
            self._end_phase(End.TIMED_OUT)

    def _stood(self) -> float:
        return self._stood_s + (held_up_s(self._process.pid) if self._process else 0.0)

    async def _finish(
        self, phase_end: "asyncio.Future[End]", patience: Patience, started: float
    ) -> Phase:
        self._wait(patience.seconds, patience)
        try:
            end = await phase_end
        finally:
            if self._timer is not None:
                self._timer.cancel()
        milliseconds = (time.perf_counter() - started) * 1000
        if self._process is not None:
            self._peak_mib = max(self._peak_mib, memory.peak_mib(self._process.pid))
        if end is End.WAITING and self._peak_mib > self.version.settings.memory_mib:
            end = End.OUT_OF_MEMORY
        exit_status = self._process.returncode if self._process else None
        if end is not End.WAITING:
            await self.stop()
        self.request_id = ""
        return Phase(
            end=end,
            posted=self._posted,
            exit_status=exit_status,
            milliseconds=milliseconds,
            peak_mib=self._peak_mib,
        )

    async def _spawn(self) -> None:
        loop = asyncio.get_running_loop()
        if self._server is None:
            self._server = await loop.create_server(self._connect, "127.0.0.1", 0)
        host, port = self._server.sockets[0].getsockname()
        self._scratch.mkdir(parents=True, exist_ok=True)
        self._pipe = pipe = LogPipe(lambda line: self._log(self, line))
        lifeline = Lifeline()
        try:
            self._process = await asyncio.create_subprocess_exec(
                self._interpreter,
                "-P",
                "-S",
                "-B",
                _BOOTSTRAP,
                self.version.settings.handler,
                cwd=self.version.settings.code_folder,
                env={**self._variables, "AWS_LAMBDA_RUNTIME_API": f"{host}:{port}"},
                stdin=asyncio.subprocess.DEVNULL,
                stdout=pipe.write_end,
                stderr=pipe.write_end,
                start_new_session=True,
                pass_fds=lifeline.passed,
            )
            lifeline.tie(self._process.pid)
            self._lifeline = lifeline
        except BaseException:
            lifeline.close()
            raise
        finally:
            pipe.close_write_end()
        self._watch = begin(self._watch_exit(self._process, pipe))

    async def _watch_exit(self, process: asyncio.subprocess.Process, pipe: LogPipe) -> None:
        await process.wait()
        _kill_group(process.pid)  # children that outlived it
        if self._process is process:
            pipe.drain()
            self._extensions.forget()
            self._end_phase(End.EXITED)

    def _connect(self) -> RuntimeConnection:
        connection = RuntimeConnection(self)
        self._connections.add(connection)
        return connection


def _kill_group(leader: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(leader, signal.SIGKILL)
