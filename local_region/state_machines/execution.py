"""One execution: states one after the other, maps over items, retries with backoff."""

import asyncio
import json
import random
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Protocol

from local_region.state_machines.paths import Json, StateError, filled, placed, taken

LONGEST_DELAY_S: Final = 3600.0


class World(Protocol):
    """What states reach."""

    async def invoke(self, function: str, payload: Json) -> Json:
        """Invoke a function and return its answer; a `StateError` if it fails."""
        ...

    async def read(self, bucket: str, key: str) -> bytes:
        """Return an object; a `StateError` if there is none."""
        ...


@dataclass(slots=True, kw_only=True)
class MapRun:
    """How far a map has come.

    Attributes:
        total: How many items there are.
        running: How many run now.
        succeeded: How many are done.
        failed: How many failed.
        aborted: How many were given up.
        status: As DescribeMapRun says it.
        concurrency: Most at a time.
        tolerated: How many may fail.
    """

    total: int
    concurrency: int
    tolerated: int
    running: int = 0
    succeeded: int = 0
    failed: int = 0
    aborted: int = 0
    status: str = "RUNNING"


@dataclass(slots=True, kw_only=True)
class Interpreter:
    """Carries definitions out.

    Attributes:
        world: What states reach.
        rng: Spreads retries.
        on_map: Told of each map that begins.
        sleep: Waits.
    """

    world: World
    rng: random.Random
    on_map: Callable[[MapRun], object]
    sleep: Callable[[float], Awaitable[None]] = field(default=asyncio.sleep)

    async def run(
        self, machine: Mapping[str, Any], value: Json, context: Mapping[str, Any]
    ) -> Json:
        """Carry a machine out from its first state to its end.

        Raises:
            StateError: A state failed and nothing retried it successfully.
        """
        name = machine["StartAt"]
        while True:
            state = machine["States"][name]
            if state["Type"] == "Succeed":
                return value
            act = self._task if state["Type"] == "Task" else self._map
            result = await act(state, value, context)
            if "ResultSelector" in state:
                result = filled(state["ResultSelector"], result, context)
            value = placed(state.get("ResultPath", "$"), value, result)
            path = state.get("OutputPath", "$")
            value = {} if path is None else taken(path, value, context)
            if state.get("End"):
                return value
            name = state["Next"]

    # ------------------------------------------------------------------- tasks
    async def _task(
        self, state: Mapping[str, Any], value: Json, context: Mapping[str, Any]
    ) -> Json:
        asked = filled(state["Parameters"], value, context)
        retries = [0] * len(state.get("Retry", ()))
        while True:
            try:
                async with asyncio.timeout(state.get("TimeoutSeconds")):
                    answer = await self.world.invoke(asked["FunctionName"], asked["Payload"])
            except TimeoutError:
                error = StateError("States.Timeout", "the task took too long")
            except StateError as failed:
                error = failed
            else:
                return {"Payload": answer, "StatusCode": 200}
            await self._wait(state, retries, error)

    async def _wait(self, state: Mapping[str, Any], retries: list[int], error: StateError) -> None:
        """Wait for the next attempt.

        Raises:
            StateError: There is none.
        """
        for number, retrier in enumerate(state.get("Retry", ())):
            if not {error.error, "States.ALL"} & set(retrier["ErrorEquals"]):
                continue
            if retries[number] >= retrier.get("MaxAttempts", 3):
                break
            delay = retrier.get("IntervalSeconds", 1) * (
                retrier.get("BackoffRate", 2.0) ** retries[number]
            )
            delay = min(delay, retrier.get("MaxDelaySeconds", LONGEST_DELAY_S))
            if retrier.get("JitterStrategy", "NONE") == "FULL":
                delay = self.rng.uniform(0, delay)
            retries[number] += 1
            await self.sleep(delay)
            return
        raise error

    # -------------------------------------------------------------------- maps
    async def _map(self, state: Mapping[str, Any], value: Json, context: Mapping[str, Any]) -> Json:
        where = filled(state["ItemReader"]["Parameters"], value, context)
        items = _array(await self.world.read(where["Bucket"], where["Key"]))
        run = MapRun(
            total=len(items),
            concurrency=_count(state, "MaxConcurrencyPath", value),
            tolerated=_count(state, "ToleratedFailureCountPath", value),
        )
        self.on_map(run)
        results: list[Json] = [None] * len(items)
        rest = iter(enumerate(items))
        too_many = asyncio.Event()

        async def work() -> None:
            for place, item in rest:
                inner = {**context, "Map": {"Item": {"Index": place, "Value": item}}}
                asked = filled(state.get("ItemSelector", item), value, inner)
                run.running += 1
                try:
                    results[place] = await self.run(state["ItemProcessor"], asked, context)
                    run.succeeded += 1
                except StateError:
                    run.failed += 1
                    if run.failed > run.tolerated:
                        too_many.set()
                finally:
                    run.running -= 1

        await self._together(run, work, too_many)
        return results

    async def _together(
        self, run: MapRun, work: Callable[[], Awaitable[None]], too_many: asyncio.Event
    ) -> None:
        count = min(run.concurrency or run.total, run.total)
        workers = [asyncio.ensure_future(work()) for _ in range(count)]
        watch: asyncio.Future[Any] = asyncio.ensure_future(too_many.wait())
        done: asyncio.Future[Any] = asyncio.gather(*workers, return_exceptions=True)
        try:
            await asyncio.wait([watch, done], return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in (watch, *workers):
                task.cancel()
            ends = await done
            run.aborted = run.total - run.succeeded - run.failed
            run.status = "ABORTED" if run.aborted else "SUCCEEDED"
        if too_many.is_set():
            run.status = "FAILED"
            raise StateError(
                "States.ExceedToleratedFailureThreshold",
                f"{run.failed} of {run.total} items failed, {run.tolerated} are tolerated",
            )
        for end in ends:
            if isinstance(end, BaseException):
                raise end


def _count(state: Mapping[str, Any], field_: str, value: Json) -> int:
    path = state.get(field_)
    count = 0 if path is None else taken(path, value, {})
    if type(count) is not int or count < 0:
        raise StateError("States.Runtime", f"{field_} names {count!r}, which is no count")
    return count


def _array(content: bytes) -> list[Json]:
    try:
        items = json.loads(content)
    except ValueError as error:
        raise StateError("States.ItemReaderFailed", f"no JSON: {error}") from error
    if not isinstance(items, list):
        raise StateError("States.ItemReaderFailed", "the object holds no JSON array")
    return items
