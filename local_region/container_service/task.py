"""One task: its containers in the order of their dependencies, volumes between them, its end.

Paths of an image and of volumes lie in folders here, and so do the values that name them. A port
of the container is any free port here: containers are told to take one and say which they took.

Source:
    docs.aws.amazon.com/AmazonECS/latest/developerguide/task-lifecycle-explanation.html (states) and
    …/task_definition_parameters.html#container_definition_dependson. Read 2026-11-22.
"""

import asyncio
import contextlib
import shutil
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Final

from falaj.contract import (
    ENV_ADMIN_PORT,
    ENV_AGENT_URI,
    ENV_GRPC_PORT,
    ENV_HOST,
    ENV_HTTP_PORT,
    ENV_PROVIDERS,
)
from local_region.container_service.image import Image, ImageError, located
from local_region.container_service.process import ContainerProcess
from local_region.container_service.target_group import Address
from local_region.container_service.task_definition import ContainerDefinition, TaskDefinition
from local_region.listener import HOST

PORTS: Final = {ENV_HTTP_PORT: "http_port", ENV_GRPC_PORT: "grpc_port"}
"""Variable that sets a port, and what a ready container calls that port."""

_ENDPOINT: Final = "AWS_ENDPOINT_URL"
_ON_PROCESSOR: Final = frozenset({"cpu", "openvino"})
"""Providers that are here as they are there; in any other's place the processor computes."""
_PYTHONS: Final = frozenset({"python", "python3"})


# Fake on purpose: local services take any. The keys are AWS's own documentation examples.
_ACCESS_KEY: Final = "AKIAIOSFODNN7EXAMPLE"
_SECRET_KEY: Final = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"  # noqa: S105 - AWS's example


def container_variables(*, region: str, endpoint_url: str) -> dict[str, str]:
    """Return what every container is given: a path, and the way to AWS's services."""
    return {
        "AWS_ACCESS_KEY_ID": _ACCESS_KEY,
        "AWS_DEFAULT_REGION": region,
        _ENDPOINT: endpoint_url,
        "AWS_REGION": region,
        "AWS_SECRET_ACCESS_KEY": _SECRET_KEY,
        "LANG": "C.UTF-8",
        "PATH": "/usr/local/bin:/usr/bin:/bin",
    }


class TaskState(StrEnum):
    """A task's state, as DescribeTasks spells it."""

    PENDING = "PENDING"
    RUNNING = "RUNNING"
    DEACTIVATING = "DEACTIVATING"
    STOPPING = "STOPPING"
    STOPPED = "STOPPED"


@dataclass(frozen=True, slots=True, kw_only=True)
class Workshop:
    """What tasks are made with.

    Attributes:
        image: Finds an image by the name a task definition gives it.
        variables: Every process's environment before the image's.
        log: Gets task id, container and line.
    """

    image: Callable[[str], Image]
    variables: Mapping[str, str]
    log: Callable[[str, str, str], None]


class Task:
    """A task of a service.

    Args:
        id_: Thirty-two hexadecimal digits.
        definition: What it runs.
        workshop: What it is made with.
        scratch: Its own folder.
        agent_url: Where its containers find the ECS agent; empty for nowhere.

    Attributes:
        state: Where it is in its life.
        reason: Why it stopped.
        has_served: Whether it was ever healthy.
        protected_until: Till when it asked not to be taken away by scaling; None if it did not.
    """

    def __init__(
        self,
        id_: str,
        definition: TaskDefinition,
        workshop: Workshop,
        scratch: Path,
        *,
        agent_url: str = "",
    ) -> None:
        self.id, self.definition = id_, definition
        self._workshop, self._scratch, self._agent_url = workshop, scratch, agent_url
        self._processes: dict[str, ContainerProcess] = {}
        self._images: dict[str, Image] = {}
        self.state = TaskState.PENDING
        self.reason = ""
        self.has_served = False
        self.protected_until: datetime | None = None

    @property
    def pids(self) -> dict[str, int]:
        """The containers' processes by name."""
        return {name: made.pid for name, made in self._processes.items() if made.pid is not None}

    def address(self, container: str, port: int) -> Address | None:
        """Return where a container's port is found on this machine; None until it is ready."""
        process = self._processes.get(container)
        if process is None:
            return None
        environment = self._declared(self._container(container))
        for variable, name in PORTS.items():
            if environment.get(variable) == str(port) and name in process.listening:
                return HOST, process.listening[name]
        return None

    async def run(self) -> None:
        """Run until an essential container ends or the task is stopped; never raises."""
        running: dict[str, asyncio.Task[int]] = {}
        try:
            for container in _in_order(self.definition.containers):
                await self._precede(container, running)
                if self.state is not TaskState.PENDING:
                    break
                process = await self._started(container)
                running[container.name] = asyncio.ensure_future(process.ended())
            if self.state is TaskState.PENDING:
                self.state = TaskState.RUNNING
            await self._until_an_end(running)
        except (_NotStartedError, ImageError, OSError) as error:
            self.reason = self.reason or str(error)
        finally:
            for process in self._processes.values():
                process.kill()
            await asyncio.gather(*running.values(), return_exceptions=True)
            self.state = TaskState.STOPPED

    def clear(self) -> None:
        """Remove the folder of a task that has ended."""
        shutil.rmtree(self._scratch, ignore_errors=True)

    async def stop(self) -> None:
        """Ask every container to end, and kill those that do not in time."""
        self.state = TaskState.STOPPING
        for container in reversed(_in_order(self.definition.containers)):
            process = self._processes.get(container.name)
            if process is None:
                continue
            process.ask_to_stop(self._images[container.name].stop_signal)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(container.stop_timeout_s):
                    await self._gone(process)
            process.kill()

    def kill(self) -> None:
        """End every container at once."""
        self.state = TaskState.STOPPING
        for process in self._processes.values():
            process.kill()

    async def _precede(
        self, container: ContainerDefinition, running: Mapping[str, "asyncio.Task[int]"]
    ) -> None:
        """Wait for the end of what a container builds on."""
        for name, condition in container.after.items():
            if condition in {"COMPLETE", "SUCCESS"}:
                code = await running[name]
                if condition == "SUCCESS" and code:
                    raise _NotStartedError(self._told(name, code))

    async def _gone(self, process: ContainerProcess) -> None:
        while process.pid is not None and process.returncode is None:  # noqa: ASYNC110 - `run` waits
            await asyncio.sleep(0.02)

    async def _until_an_end(self, running: Mapping[str, "asyncio.Task[int]"]) -> None:
        essential = {
            running[c.name]: c.name
            for c in self.definition.containers
            if c.is_essential and c.name in running
        }
        if not essential:
            return
        done, _ = await asyncio.wait(essential, return_when=asyncio.FIRST_COMPLETED)
        ended = done.pop()
        self.reason = self.reason or (
            "Scaling activity or deployment"
            if self.state is TaskState.STOPPING
            else self._told(essential[ended], ended.result())
        )

    def _told(self, name: str, code: int) -> str:
        last = "; ".join(self._processes[name].tail[-3:])
        return f"container {name!r} exited with {code}: {last or 'it said nothing'}"

    async def _started(self, container: ContainerDefinition) -> ContainerProcess:
        image = self._images[container.name] = self._workshop.image(container.image)
        places = {"/": image.root}
        for volume, path in container.mounts.items():
            source = self.definition.host_volumes.get(volume)
            places[path] = Path(source) if source else self._scratch / "volumes" / volume
            places[path].mkdir(parents=True, exist_ok=True)
        declared = self._declared(container)
        environment = {name: located(value, places) for name, value in declared.items()}
        home = self._scratch / container.name
        home.mkdir(parents=True, exist_ok=True)
        process = ContainerProcess(
            _program(container.command or image.command, places),
            environment={
                **self._workshop.variables,
                **environment,
                **self._here(declared),
                "TMPDIR": str(home),
            },
            folder=home,
            log=lambda line: self._workshop.log(self.id, container.name, line),
        )
        self._processes[container.name] = process
        await process.start()
        return process

    def _here(self, declared: Mapping[str, str]) -> dict[str, str]:
        """What a container is told differently on this machine: its ports, address and device."""
        told = {variable: "0" for variable in PORTS if variable in declared}
        if ENV_HOST in declared:
            told[ENV_HOST] = HOST
        if not _ON_PROCESSOR.issuperset(declared.get(ENV_PROVIDERS, "cpu").split(",")):
            told[ENV_PROVIDERS] = "cpu"
        if ENV_ADMIN_PORT in declared:
            told[ENV_ADMIN_PORT] = "off"
        if self._agent_url:
            told[ENV_AGENT_URI] = f"{self._agent_url}/{self.id}"
        return told

    def _declared(self, container: ContainerDefinition) -> dict[str, str]:
        image = self._images.get(container.name)
        declared = {**(image.environment if image else {}), **container.environment}
        # AWS answers at one address here, whatever endpoints the network has.
        return {name: v for name, v in declared.items() if not name.startswith(_ENDPOINT)}

    def _container(self, name: str) -> ContainerDefinition:
        return next(c for c in self.definition.containers if c.name == name)


class _NotStartedError(Exception):
    pass


def _in_order(containers: tuple[ContainerDefinition, ...]) -> list[ContainerDefinition]:
    """Containers, each after those that it depends on; ECS refuses circles."""
    ordered: list[ContainerDefinition] = []
    waiting = list(containers)
    while waiting:
        names = {container.name for container in waiting}
        ready = [c for c in waiting if not names.intersection(c.after)]
        if not ready:
            raise ImageError(f"containers {sorted(names)} depend on each other in a circle")
        ordered += ready
        waiting = [c for c in waiting if c not in ready]
    return ordered


def _program(command: tuple[str, ...], places: Mapping[str, Path]) -> tuple[str, ...]:
    """Run this environment's Python where the image runs its own, by name."""
    if not command:
        raise ImageError("neither the image nor the task definition says what to run")
    program, *arguments = command
    first = sys.executable if program in _PYTHONS else located(program, places)
    return (first, *(located(argument, places) for argument in arguments))
