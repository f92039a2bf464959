"""Promise: whatever a request ends in is counted once, under the reason Triton's users know."""

import asyncio
from time import perf_counter_ns

import numpy as np
import pytest

from falaj.batching.policy import BatchPolicy
from falaj.batching.threads import Threads
from falaj.cache.responses import ResponseCache
from falaj.container.call import Call
from falaj.container.metrics import exposition
from falaj.container.worker import Worker
from falaj.domain.clock import SystemClock
from falaj.engines.inference import InferenceRequest
from falaj.engines.onnx import OnnxEngine
from falaj.engines.repository import ModelRepository
from falaj.errors import DeadlineExceededError, EngineError, FalajError, OverloadedError
from tests.falaj import onnx_models
from tests.falaj.container.conftest import SAFE

NONE = {"REJECTED": 0, "CANCELED": 0, "BACKEND": 0, "OTHER": 0}


@pytest.fixture
def model(tmp_path):
    """One row of a table by its number; there are three."""
    onnx_models.write_version(tmp_path, "lookup", 1, onnx_models.lookup(), batching=SAFE)
    found = ModelRepository.from_folder(
        tmp_path,
        make_engine=lambda manifest, content: OnnxEngine(name=manifest.name, model=content),
    )
    return found.model("lookup")


class Callers:
    """Requests that come within one turn of the loop, so that all but those before wait.

    Args:
        model: What they ask.
        capacity: How many may wait.
        is_sendable: Whether answers can be written.
        cache: Where answers are kept.
    """

    def __init__(self, model, *, capacity=8, is_sendable=True, cache=None):
        self.loop = asyncio.get_running_loop()
        self._threads = Threads(self.loop)
        policy = BatchPolicy(max_batch_size=1, capacity=capacity)
        self.worker = Worker(
            model,
            policy,
            loop=self.loop,
            threads=self._threads,
            clock=SystemClock(),
            cache=cache,
        )
        self._is_sendable = is_sendable

    def ask(self, row=0, timeout_ns=None):
        """Submit a request; return it, and what it will end in."""
        ended = self.loop.create_future()

        def done(_, answer):
            ended.set_result(answer)
            return self._is_sendable and not isinstance(answer, FalajError)

        request = InferenceRequest(
            inputs={"i": np.array([row], np.int64)}, outputs=(), output_names=("y",)
        )
        now = perf_counter_ns()
        call = Call(request, done, now, now)
        call.timeout_ns = timeout_ns
        self.worker.submit(call)
        return call, ended

    def counts(self, *names):
        """Values of the metrics' page when all is done, by name."""
        self._threads.close(wait=True)
        lines = exposition([self.worker]).decode().splitlines()
        rows = [line.split('{model="lookup",version="1"') for line in lines if "{model" in line]
        found = {name + rest.split("} ")[0]: int(rest.split("} ")[1]) for name, rest in rows}
        return [found[name] for name in names]

    def failures(self):
        """Requests by reason."""
        name = "nv_inference_request_failure"
        return dict(
            zip(NONE, self.counts(*(f'{name},reason="{reason}"' for reason in NONE)), strict=True)
        )


def test_who_finds_no_room_is_rejected(model):
    """A full queue, as in Triton."""

    async def go():
        callers = Callers(model, capacity=2)
        ends = [await ended for _, ended in [callers.ask() for _ in range(3)]]
        return ends, callers.failures()

    ends, failures = asyncio.run(go())
    assert [isinstance(end, OverloadedError) for end in ends] == [False, False, True]
    assert failures == {**NONE, "REJECTED": 1}


def test_whose_time_is_over_is_rejected(model):
    """A deadline in the queue, as in Triton."""

    async def go():
        callers = Callers(model)
        _, ended = callers.ask(timeout_ns=0)
        return await ended, callers.failures()

    end, failures = asyncio.run(go())
    assert isinstance(end, DeadlineExceededError)
    assert failures == {**NONE, "REJECTED": 1}


def test_who_has_left_is_canceled_once(model):
    """However often it is said; who stays is answered."""

    async def go():
        callers = Callers(model)
        (leaver, left), (_, stays) = callers.ask(), callers.ask()
        leaver.give_up()
        leaver.give_up()
        await stays
        return left.done(), callers.failures()

    assert asyncio.run(go()) == (False, {**NONE, "CANCELED": 1})


def test_what_the_model_fails_at_is_the_backends(model):
    """An answer that cannot be given, such as one that is no number."""

    async def go():
        callers = Callers(model, is_sendable=False)
        _, ended = callers.ask()
        await ended
        return callers.failures()

    assert asyncio.run(go()) == {**NONE, "BACKEND": 1}


def test_values_a_model_cannot_take_are_the_callers(model):
    """A row that the table does not have is nobody's fault here."""

    async def go():
        callers = Callers(model)
        _, ended = callers.ask(row=7)
        return await ended, callers.failures()

    end, failures = asyncio.run(go())
    assert isinstance(end, FalajError)
    assert not isinstance(end, EngineError)
    assert failures == {**NONE, "OTHER": 1}


def test_hits_and_misses_are_counted_and_timed(model):
    """A hit is a success that ran nothing; a miss costs the look and the keeping."""

    async def go():
        callers = Callers(model, cache=ResponseCache(10_000))
        for row in (1, 1, 2):
            await callers.ask(row)[1]
        return callers.counts(
            "nv_cache_num_hits_per_model",
            "nv_cache_num_misses_per_model",
            "nv_inference_request_success",
            "nv_inference_exec_count",
            "nv_cache_hit_duration_per_model",
            "nv_cache_miss_duration_per_model",
        )

    *counts, hit_us, miss_us = asyncio.run(go())
    assert counts == [1, 2, 3, 2]
    assert hit_us >= 0
    assert miss_us > 0


def test_every_series_is_explained(model):
    """Each has a line of help and its type before it, once."""

    async def go():
        callers = Callers(model, cache=ResponseCache(10_000))
        page = exposition([callers.worker]).decode()
        callers.failures()
        return page

    said, seen = [], []
    for line in asyncio.run(go()).splitlines():
        word = line.split(" ")
        if line.startswith("# HELP "):
            assert len(word) > 3
            said.append(word[2])
        elif not line.startswith("#"):
            seen.append(line.partition("{")[0])
            assert seen[-1] == said[-1]
    assert len(set(said)) == len(said)
