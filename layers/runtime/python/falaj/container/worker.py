"""One model version at work: its queue, its runs, its cache, its sequences and its counts."""

import asyncio
from collections import Counter
from collections.abc import Hashable, Mapping, Sequence
from time import perf_counter_ns, thread_time_ns
from typing import Final, cast

from falaj.batching.driver import Batcher
from falaj.batching.entry import FIRST_RANK, LOWEST_PRIORITY, NORMAL_PRIORITY
from falaj.batching.joining import divided, joined
from falaj.batching.policy import BatchPolicy
from falaj.batching.scheduler import Scheduler
from falaj.batching.threads import Threads
from falaj.cache.responses import ResponseCache, key_of
from falaj.container.call import Answer, Call
from falaj.container.sequences import Sequences, StateSpec
from falaj.domain.clock import Clock
from falaj.domain.tensors import DYNAMIC
from falaj.engines.engine import Tensor, zeros
from falaj.engines.repository import ServedModel
from falaj.errors import (
    DeadlineExceededError,
    DrainingError,
    EngineError,
    FalajError,
    OverloadedError,
    RequestError,
    ShedError,
)

_NS: Final = 1_000_000_000
_MS: Final = 1_000_000
_HEAVY_BYTES: Final = 64 * 1024
"""Rows from this size on cost about as much to read and to join as to run."""
_CLOCK_NS: Final = 100 * _MS
REJECTED, CANCELED, BACKEND = "REJECTED", "CANCELED", "BACKEND"
"""Why requests fail, as Triton's metrics have it: no room or no time in the queue, the caller hung
up, the model failed.

Source: docs.nvidia.com/deeplearning/triton-inference-server/user-guide/docs/user_guide/metrics.html
("Failure Count", reason).
"""
_WARM_RUNS: Final = 3
_WAITING: Final = 4
"""A run whose thread had the processor for less than this part of it has waited for a device."""
AHEAD: Final = 1
SHED_S: Final = 1
"""After how long whoever had to leave a full queue may ask again: as after any full queue."""


class Worker:
    """Answers calls to one model version.

    Args:
        model: The model.
        policy: How its requests are gathered; joining is on only if registration proved it safe.
        loop: The event loop.
        threads: Where long runs go.
        clock: Tells when an inference happened.
        timeout_s: Longest any request waits.
        cache: Answers given before, if they may be given again.
        sequences: State kept between requests, for a stateful model.
    """

    def __init__(
        self,
        model: ServedModel,
        policy: BatchPolicy,
        *,
        loop: asyncio.AbstractEventLoop,
        threads: Threads,
        clock: Clock,
        timeout_s: float = 30.0,
        cache: ResponseCache | None = None,
        sequences: Sequences | None = None,
    ) -> None:
        self.model = model
        self.policy = policy
        self.cache = cache
        self.is_draining = False
        self._clock = clock
        self._timeout_ns = int(timeout_s * _NS)
        self._axis = model.manifest.signature.batching.batch_axis or 0
        self._sequences = sequences
        self._is_plain = cache is None and sequences is None
        self._is_keyless = len(model.check.inputs) == 1 and _has_fixed_shape(model, self._axis)
        self._first_input = next(iter(model.check.inputs), "")
        self._failed: Counter[str] = Counter()
        self._clock_due_ns = self._clock_ahead_ms = 0
        self._batcher = Batcher(
            scheduler=Scheduler(policy, ahead=AHEAD, patience_ns=self._timeout_ns),
            run=self.run,
            finish=self._finish,
            expire=self._expire,
            loop=loop,
            threads=threads,
        )

    @property
    def scheduler(self) -> Scheduler:
        """The queue."""
        return self._batcher.scheduler

    @property
    def failed(self) -> Mapping[str, int]:
        """Requests by why they were not answered, of the reasons that are no fault of callers."""
        return self._failed

    @property
    def timeout_s(self) -> float:
        """How long any request waits at most."""
        return self._timeout_ns / _NS

    def longest_run_s(self) -> float:
        """Return for how long the oldest run on a thread has been under way."""
        return self._batcher.longest_ns(perf_counter_ns()) / _NS

    def warm_up(self) -> None:
        """Run every size of batch once on zeros, so that no caller pays for lazy initialisation.

        Raises:
            EngineError: The model cannot run.
        """
        inputs = zeros(self.model.manifest.signature)
        inputs |= {spec.name: spec.zeros() for spec in self._states()}
        costs: dict[int, int] = {}
        is_heavy = sum(tensor.nbytes for tensor in inputs.values()) >= _HEAVY_BYTES
        for rows in _sizes(self.policy):
            try:
                runs = [self._warmed(inputs, rows) for _ in range(_WARM_RUNS)]
            except RequestError:  # zeros may be values this model refuses; no fault of its
                return
            self._batcher.expect(rows, min(took for took, _ in runs))
            costs[rows] = min(cost for _, cost in runs)
            if rows == 1:
                self.scheduler.expect(runs[-1][0])
            if is_heavy and self.policy.is_past_use(costs):
                break
        # The first runs were the coldest, and this is the size that the others must beat.
        again = [self._warmed(inputs, 1) for _ in range(_WARM_RUNS)]
        costs[1] = min(costs[1], *(cost for _, cost in again))
        self.scheduler.most_rows = self.policy.useful_rows(costs, is_heavy=is_heavy)

    def _warmed(self, inputs: Mapping[str, Tensor], rows: int) -> tuple[int, int]:
        """Run a batch of equal rows; return its duration and what it cost, in nanoseconds.

        That is its processor time, whatever else the machine was doing; and its duration where it
        spent most of that waiting for a device.
        """
        began, idle = perf_counter_ns(), thread_time_ns()
        batch = joined([inputs] * rows, self._axis) if rows > 1 else inputs
        self.model.engine.run(batch, self.model.check.output_names)
        took, busy = perf_counter_ns() - began, thread_time_ns() - idle
        return took, max(1, busy if busy > took / _WAITING else took)

    def submit(self, call: Call) -> None:
        """Answer a call, now or later; never raises."""
        if self._is_plain and not self.is_draining:
            self._enqueue(call)
            return
        try:
            self._submit(call)
        except FalajError as error:
            self._fail(call, error)

    # ----------------------------------------------------------------- runs
    def run(self, calls: Sequence[Call]) -> list[Answer]:
        """Answer calls with one run, or each on its own if that fails; never raises."""
        if len(calls) == 1:
            return [self._alone(calls[0])]
        inferences = [call.inference for call in calls]
        names = self._names(calls)
        try:
            batch = joined([inference.inputs for inference in inferences], self._axis)
            outputs = self.model.engine.run(batch, names)
            parts = divided(outputs, [call.rows for call in calls], self._axis)
        except (FalajError, ValueError, MemoryError):
            # One request's values, or the sum of all sizes, must not fail the others.
            return [self._alone(call) for call in calls]
        if all(inference.output_names == names for inference in inferences):
            return list(parts)
        return [
            [part[names.index(name)] for name in inference.output_names]
            for part, inference in zip(parts, inferences, strict=True)
        ]

    def _alone(self, call: Call) -> Answer:
        try:
            return self.model.engine.run(call.inference.inputs, call.inference.output_names)
        except FalajError as error:
            return error
        except Exception as error:  # noqa: BLE001 - whatever an engine raises must reach the caller
            return EngineError(model=self.model.name, reason=repr(error)[:300])

    def _names(self, calls: Sequence[Call]) -> tuple[str, ...]:
        names = calls[0].inference.output_names
        if all(call.inference.output_names is names for call in calls):
            return names
        wanted = {name for call in calls for name in call.inference.output_names}
        return tuple(name for name in self._every_output() if name in wanted)

    def _every_output(self) -> tuple[str, ...]:
        return (*self.model.check.output_names, *(state.made for state in self._states()))

    def _states(self) -> tuple[StateSpec, ...]:
        return self._sequences.states if self._sequences is not None else ()

    # ---------------------------------------------------------------- queue
    def _submit(self, call: Call) -> None:
        if self.is_draining:
            raise DrainingError
        if self._sequences is not None:
            self._sequences.submit(call, self._enqueue, self._fail)
        elif self.cache is None or not self._answered_from_cache(call):
            self._enqueue(call)

    def _answered_from_cache(self, call: Call) -> bool:
        assert self.cache is not None  # noqa: S101 - for the type checker
        began = perf_counter_ns()
        key = key_of(self.model.digest, call.tenant, call.inference)
        found = self.cache.get(key)
        took = perf_counter_ns() - began
        if found is not None:
            call.done(call, found)
            self.model.statistics.add_hit(ns=perf_counter_ns() - call.began_ns)
            return True
        send = call.done

        def keep(call: Call, answer: Answer) -> bool:
            is_sent = send(call, answer)
            if is_sent and not isinstance(answer, FalajError) and self.cache is not None:
                put = perf_counter_ns()
                self.cache.put(key, answer)
                self.model.statistics.add_miss(ns=took + perf_counter_ns() - put)
            return is_sent

        call.done = keep
        return False

    def _enqueue(self, call: Call) -> None:
        rows = self._rows(call)
        if rows != 1:
            call.rows = rows or 1
        if self._batcher.takes_alone(call.rows):
            self._run_now(call)
            return
        timeout = self._timeout_ns
        if call.timeout_ns is not None and call.timeout_ns < timeout:
            timeout = call.timeout_ns
        call.deadline_ns = call.arrived_ns + timeout
        if not self._is_keyless or not rows:
            call.key = self._key(call)
        call.holder = self
        admission = self._batcher.enqueue(call)
        if not admission.is_admitted:
            self._turn_away(call)
        elif admission.displaced is not None:
            self._turn_away(cast("Call", admission.displaced))

    def _run_now(self, call: Call) -> None:
        """Run what nobody waits beside."""
        began = perf_counter_ns()
        answer = self._alone(call)
        took = self._batcher.ran_alone(call.rows, began)
        call.queue_ns, call.infer_ns = began - call.arrived_ns, took
        if not call.done(call, answer):
            self._count_unanswered(call, answer)
            return
        self.model.statistics.add_success(
            at_ms=self._now_ms(began),
            batch_size=call.rows,
            input_ns=call.arrived_ns - call.began_ns,
            infer_ns=took,
            output_ns=perf_counter_ns() - began - took,
            queue_ns=call.queue_ns,
        )

    def _now_ms(self, now_ns: int) -> int:
        """Unix time in milliseconds, the clock's own at most a tenth of a second ago."""
        if now_ns >= self._clock_due_ns:
            self._clock_due_ns = now_ns + _CLOCK_NS
            self._clock_ahead_ms = int(self._clock.now().timestamp() * 1000) - now_ns // _MS
        return now_ns // _MS + self._clock_ahead_ms

    def _turn_away(self, call: Call) -> None:
        self._failed[REJECTED] += 1
        if call.rank > FIRST_RANK:
            self._fail(
                call, ShedError(tenant=call.tenant, priority=call.rank, retry_after_s=SHED_S)
            )
            return
        self._fail(
            call, OverloadedError(model=self.model.name, waiting=self._batcher.scheduler.waiting)
        )

    def _rows(self, call: Call) -> int:
        if not self._first_input:
            return 1
        shape = call.inference.inputs[self._first_input].shape
        return int(shape[self._axis]) if self._axis < len(shape) else 1

    def _key(self, call: Call) -> Hashable:
        """What must be equal for a shared run: every size but the batch's, on every input."""
        inputs = call.inference.inputs
        axis = self._axis
        shapes = [inputs[name].shape for name in sorted(inputs)]
        rows = {shape[axis] if axis < len(shape) else None for shape in shapes}
        if len(rows) != 1 or None in rows or rows == {0}:
            return id(call)  # nothing to join along: it runs alone
        return tuple((*shape[:axis], *shape[axis + 1 :]) for shape in shapes)

    # --------------------------------------------------------------- answers
    def _finish(self, calls: Sequence[Call], answers: list[Answer], began: int, took: int) -> None:
        sent = rows = input_ns = queue_ns = 0
        for call, answer in zip(calls, answers, strict=True):
            arrived = call.arrived_ns
            call.holder = None
            call.queue_ns, call.infer_ns = began - arrived, took
            if call.done(call, answer):
                sent += 1
                rows += call.rows
                input_ns += arrived - call.began_ns
                queue_ns += began - arrived
            else:
                self._count_unanswered(call, answer)
        if sent:
            self.model.statistics.add_batch(
                at_ms=self._now_ms(began),
                requests=sent,
                rows=rows,
                input_ns=input_ns,
                infer_ns=took,
                output_ns=perf_counter_ns() - began - took,
                queue_ns=queue_ns,
            )

    def _count_unanswered(self, call: Call, answer: Answer) -> None:
        """Count a run that led to no answer: the model's fault unless it refused the values."""
        if not isinstance(answer, RequestError):
            self._failed[BACKEND] += 1
        self.model.statistics.add_failure(ns=perf_counter_ns() - call.began_ns)

    def let_go(self, call: Call) -> None:
        """Forget a call that nobody waits for any more; what runs already runs on."""
        if call.is_waiting:
            self._failed[CANCELED] += 1
            self.model.statistics.add_failure(ns=perf_counter_ns() - call.began_ns)
            self._batcher.cancel(call)

    def _expire(self, call: Call) -> None:
        self._failed[REJECTED] += 1
        call.queue_ns = perf_counter_ns() - call.arrived_ns
        error = DeadlineExceededError(model=self.model.name, waited_ms=call.queue_ns / 1e6)
        self._fail(call, error)

    def _fail(self, call: Call, error: FalajError) -> None:
        call.holder = None
        call.done(call, error)
        self.model.statistics.add_failure(ns=perf_counter_ns() - call.began_ns)


def priority_of(value: object) -> int:
    """Read the protocol's `priority` parameter: 1 goes first, 0 or none is the usual.

    Source:
        Triton, "Schedule Policy Extension", docs/protocol/extension_schedule_policy.md.
    """
    if isinstance(value, bool) or not isinstance(value, int) or value <= 0:
        return NORMAL_PRIORITY
    return min(value, LOWEST_PRIORITY)


def _has_fixed_shape(model: ServedModel, axis: int) -> bool:
    return all(
        DYNAMIC not in (*spec.shape[:axis], *spec.shape[axis + 1 :]) and len(spec.shape) > axis
        for spec in model.check.inputs.values()
    )


def _sizes(policy: BatchPolicy) -> list[int]:
    """Batch sizes worth warming: 1, the powers of two, those preferred, and the largest."""
    powers = {2**n for n in range(policy.max_batch_size.bit_length())}
    sizes = {1, *powers, *policy.preferred_batch_sizes, policy.max_batch_size}
    return sorted(size for size in sizes if size <= policy.max_batch_size)
