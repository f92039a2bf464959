"""State between the requests of one sequence, kept here and fed to a stateful model.

Source:
    Triton, "Sequence Extension", docs/protocol/extension_sequence.md (`sequence_id`,
    `sequence_start`, `sequence_end`), and its implicit state management.
"""

from collections import OrderedDict, deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from time import monotonic
from typing import Final, NamedTuple

import numpy as np

from falaj.container.call import Answer, Call
from falaj.domain.tensors import DYNAMIC, TensorSpec
from falaj.engines.engine import Tensor
from falaj.errors import FalajError, SequenceError

Key = tuple[str, int | str]
"""A sequence's tenant and correlation id."""

Enqueue = Callable[[Call], None]
Fail = Callable[[Call, FalajError], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class StateSpec:
    """One state: the input that takes it and the output that gives the next one.

    Attributes:
        spec: The model's input.
        made: The model's output.
    """

    spec: TensorSpec
    made: str

    @property
    def name(self) -> str:
        """The input's name."""
        return self.spec.name

    def zeros(self) -> Tensor:
        """The state before the first request; open dimensions are 1."""
        shape = tuple(1 if size == DYNAMIC else size for size in self.spec.shape)
        return np.zeros(shape, dtype=self.spec.datatype.numpy_name)


@dataclass(frozen=True, slots=True, kw_only=True)
class SequenceLimits:
    """How much state callers may leave behind.

    Attributes:
        sequences: Most that are open at once.
        tensor_bytes: Most bytes of all their states.
        idle_s: When an abandoned one is forgotten.
        waiting: Most requests of one sequence that wait for an earlier one.
    """

    sequences: int = 1024
    tensor_bytes: int = 64 * 1024 * 1024
    idle_s: float = 60.0
    waiting: int = 64


class _Turn(NamedTuple):
    """A request of a sequence, and whether it is the last one."""

    call: Call
    is_end: bool


class _Sequence:
    __slots__ = ("is_busy", "size", "state", "used_s", "waiting")

    def __init__(self, state: dict[str, Tensor], now_s: float) -> None:
        self.state = state
        self.size = _size(state)
        self.used_s = now_s
        self.is_busy = False
        self.waiting: deque[_Turn] = deque()


class Sequences:
    """The open sequences of one model version.

    Requests of one sequence run one after the other; those of different ones may share a batch.
    A sequence belongs to its tenant: another tenant's equal id is another sequence.

    Args:
        model: What errors call the model.
        states: What is fed back.
        limits: Bounds.
        clock_s: Seconds that do not go back.
    """

    def __init__(
        self,
        model: str,
        states: tuple[StateSpec, ...],
        limits: SequenceLimits | None = None,
        *,
        clock_s: Callable[[], float] = monotonic,
    ) -> None:
        self.states = states
        self._model = model
        self._limits = limits or SequenceLimits()
        self._clock_s = clock_s
        self._open: OrderedDict[Key, _Sequence] = OrderedDict()
        self._bytes = 0

    @property
    def count(self) -> int:
        """Sequences that are open."""
        return len(self._open)

    def submit(self, call: Call, enqueue: Enqueue, fail: Fail) -> None:
        """Let a call run when it is its turn.

        Args:
            call: The call.
            enqueue: Runs a call.
            fail: Ends a call that has waited for its turn, and can have none.

        Raises:
            SequenceError: It names no open sequence, or there are too many.
        """
        parameters = call.inference.parameters
        key = call.tenant, self._id(parameters)
        is_start = self._flag(parameters, "sequence_start")
        turn = _Turn(call, self._flag(parameters, "sequence_end"))
        now = self._clock_s()
        self._forget_idle(now)
        sequence = self._open.get(key)
        if is_start:
            if sequence is not None and sequence.is_busy:
                raise SequenceError(
                    model=self._model, reason=f"{key[1]!r} is started again while it runs"
                )
            sequence = self._begin(key, now)
        if sequence is None:
            raise self._unstarted(key)
        if sequence.is_busy:
            if len(sequence.waiting) >= self._limits.waiting:
                raise SequenceError(
                    model=self._model,
                    reason=f"more than {self._limits.waiting} requests of {key[1]!r} wait",
                )
            sequence.waiting.append(turn)
            return
        self._run(key, sequence, turn, enqueue, fail)

    def _begin(self, key: Key, now_s: float) -> _Sequence:
        self._end(key)
        fresh = _Sequence({state.name: state.zeros() for state in self.states}, now_s)
        limits = self._limits
        if len(self._open) >= limits.sequences or self._bytes + fresh.size > limits.tensor_bytes:
            raise SequenceError(
                model=self._model,
                reason=f"{len(self._open)} sequences are open, which is all that is kept; "
                "end some with the END flag",
            )
        self._open[key] = fresh
        self._bytes += fresh.size
        return fresh

    def _run(
        self, key: Key, sequence: _Sequence, turn: _Turn, enqueue: Enqueue, fail: Fail
    ) -> None:
        call = turn.call
        asked, send = call.inference, call.done
        sequence.is_busy = True
        self._open.move_to_end(key)
        call.inference = asked._replace(
            inputs={**asked.inputs, **sequence.state},
            output_names=(*asked.output_names, *(state.made for state in self.states)),
        )

        def finished(call: Call, answer: Answer) -> bool:
            call.inference = asked
            is_sent = send(call, self._taken(key, sequence, turn, answer))
            sequence.is_busy = False
            if key not in self._open:
                for late in sequence.waiting:
                    fail(late.call, self._unstarted(key))
            elif sequence.waiting:
                self._run(key, sequence, sequence.waiting.popleft(), enqueue, fail)
            return is_sent

        call.done = finished
        enqueue(call)
        # A sequence without one of its requests is another sequence: they all run.
        call.holder = None

    def _taken(self, key: Key, sequence: _Sequence, turn: _Turn, answer: Answer) -> Answer:
        """Take the states out of an answer; return what is the caller's of it."""
        if not isinstance(answer, FalajError):
            count = len(turn.call.inference.output_names)
            states, answer = answer[count:], answer[:count]
            if not turn.is_end and not self._keep(sequence, states):
                self._end(key)
                return SequenceError(
                    model=self._model,
                    reason=f"the state of {key[1]!r} has grown beyond the "
                    f"{self._limits.tensor_bytes} bytes that all sequences may hold; it is ended",
                )
        if turn.is_end:
            self._end(key)
        return answer

    def _keep(self, sequence: _Sequence, states: Sequence[Tensor]) -> bool:
        """Keep what a run has made; False where there is no room for it."""
        made = {
            state.name: np.array(tensor) for state, tensor in zip(self.states, states, strict=True)
        }
        size = _size(made)
        if self._bytes + size - sequence.size > self._limits.tensor_bytes:
            return False
        self._bytes += size - sequence.size
        sequence.state, sequence.size, sequence.used_s = made, size, self._clock_s()
        return True

    def _unstarted(self, key: Key) -> SequenceError:
        return SequenceError(
            model=self._model,
            reason=f"{key[1]!r} must specify the START flag on its first request",
        )

    def _end(self, key: Key) -> None:
        sequence = self._open.pop(key, None)
        if sequence is not None:
            self._bytes -= sequence.size

    def _forget_idle(self, now_s: float) -> None:
        while self._open:
            key, oldest = next(iter(self._open.items()))
            if oldest.is_busy:
                self._open.move_to_end(key)
                return
            if now_s - oldest.used_s < self._limits.idle_s:
                return
            self._end(key)

    def _flag(self, parameters: Mapping[str, object], name: str) -> bool:
        found = parameters.get(name, False)
        if not isinstance(found, bool):
            raise SequenceError(model=self._model, reason=f"'{name}' must be true or false")
        return found

    def _id(self, parameters: Mapping[str, object]) -> int | str:
        found = parameters.get("sequence_id", 0)
        if isinstance(found, bool) or not isinstance(found, int | str) or not found:
            raise SequenceError(
                model=self._model, reason="must specify a non-zero or non-empty correlation ID"
            )
        if isinstance(found, str) and len(found) > _ID_LENGTH:
            raise SequenceError(
                model=self._model, reason=f"a correlation ID has at most {_ID_LENGTH} characters"
            )
        return found


_ID_LENGTH: Final = 128


def _size(state: Mapping[str, Tensor]) -> int:
    return sum(tensor.nbytes for tensor in state.values())
