"""A real Lambda service over handlers written into a temporary folder."""

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TypeVar

import pytest

from local_region.lambda_service import (
    EventFailure,
    FunctionSettings,
    LambdaService,
    Limits,
    LogLine,
    RuntimeFolders,
)

T = TypeVar("T")
ECHO = "def handler(event, context):\n    return event\n"


class ManualClock:
    """A clock that moves when told."""

    def __init__(self) -> None:
        self.instant = datetime(2026, 11, 22, 9, 30, tzinfo=UTC)

    def now(self) -> datetime:
        """Return the instant it was moved to."""
        return self.instant

    def advance(self, seconds: float) -> None:
        """Move on."""
        self.instant += timedelta(seconds=seconds)


@dataclass
class Lab:
    """A service, its clock and what came out of it."""

    folder: Path
    runtime: RuntimeFolders
    clock: ManualClock = field(default_factory=ManualClock)
    lines: list[LogLine] = field(default_factory=list)
    failures: list[EventFailure] = field(default_factory=list)
    limits: Limits = field(default_factory=Limits)
    seed: int = 7

    def code(self, source: str, name: str = "code") -> Path:
        """Write a handler module and return its folder."""
        folder = self.folder / name
        folder.mkdir(exist_ok=True)
        (folder / "handler.py").write_text(source)
        return folder

    def settings(self, source: str = ECHO, name: str = "f", **changes: object) -> FunctionSettings:
        """Return settings of a function with this handler, which has time on a busy machine."""
        settings = {"timeout_s": 30, **changes}
        code = self.code(source, f"code-{name}")
        return FunctionSettings(name=name, code_folder=code, **settings)  # type: ignore[arg-type]

    def service(self) -> LambdaService:
        """Return a service that is not started: a control plane."""
        return LambdaService(
            clock=self.clock,
            rng=random.Random(self.seed),
            log_sink=self.lines.append,
            runtime=self.runtime,
            limits=self.limits,
            on_event_failure=self.failures.append,
            state_folder=self.folder / "state",
        )

    @asynccontextmanager
    async def running(self) -> AsyncIterator[LambdaService]:
        """Start a service and close it at the end."""
        service = self.service()
        await service.start()
        try:
            yield service
        finally:
            await service.close()

    def run(self, act: Callable[[LambdaService], Awaitable[T]]) -> T:
        """Run one act against a started service."""

        async def whole() -> T:
            async with self.running() as service:
                return await act(service)

        return asyncio.run(whole())


@pytest.fixture(scope="session")
def runtime() -> RuntimeFolders:
    """The host's runtime folders, built once."""
    return RuntimeFolders.prepare(Path(__file__).parents[3] / ".build" / "host")


@pytest.fixture
def lab(tmp_path: Path, runtime: RuntimeFolders) -> Lab:
    """A laboratory in a folder of its own."""
    return Lab(folder=tmp_path, runtime=runtime)
