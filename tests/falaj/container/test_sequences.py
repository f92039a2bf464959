"""Promise: a sequence's state is its own, bounded, and forgotten when nobody goes on with it."""

import numpy as np
import pytest

from falaj.container.call import Call
from falaj.container.sequences import SequenceLimits, Sequences, StateSpec
from falaj.domain.tensors import Datatype, TensorSpec
from falaj.engines.inference import InferenceRequest
from falaj.errors import FalajError, SequenceError

STATE = StateSpec(
    spec=TensorSpec(name="seen", datatype=Datatype.FP32, shape=(1, -1)), made="seen_now"
)
ROW_BYTES = 4


class World:
    """Sequences whose runs a test carries out, at times it chooses."""

    def __init__(self, **limits):
        self.now = 0.0
        self.queue, self.answers = [], {}
        self.sequences = Sequences(
            "talk", (STATE,), SequenceLimits(**limits), clock_s=lambda: self.now
        )

    def ask(self, name, sequence, **flags):
        """Submit a request; a refusal is raised or kept as its answer."""
        parameters = {"sequence_id": sequence, **flags}
        request = InferenceRequest(
            inputs={}, outputs=(), output_names=("y",), id=name, parameters=parameters
        )
        call = Call(request, self._done, 0, 0)
        self.sequences.submit(call, self.queue.append, self._done)

    def run(self, width=1):
        """Run what was enqueued first; its state becomes so wide."""
        call = self.queue.pop(0)
        made = np.full((1, width), call.inference.inputs["seen"].sum() + 1, np.float32)
        call.done(call, [np.zeros(1), made])

    def _done(self, call, answer):
        self.answers[call.inference.id] = answer
        return not isinstance(answer, FalajError)


def open_one(world, sequence, width=1):
    """Start a sequence."""
    world.ask(f"start {sequence}", sequence, sequence_start=True)
    world.run(width)


def test_one_that_goes_on_keeps_no_abandoned_one_alive():
    """The oldest is in use all the time; the others were left and give their places back."""
    world = World(sequences=3, idle_s=60)
    for sequence in (1, 2, 3):
        open_one(world, sequence)
    for minute in range(1, 4):
        world.now = 50.0 * minute
        world.ask(f"on {minute}", 1)
        world.run()
    assert world.sequences.count == 1
    open_one(world, 4)
    assert world.sequences.count == 2


def test_what_waits_behind_the_end_is_refused():
    """It came too late for this sequence, and no other was started."""
    world = World()
    world.ask("first", 1, sequence_start=True)
    world.ask("last", 1, sequence_end=True)
    world.ask("late", 1)
    world.run()
    world.run()
    assert world.queue == []
    assert "START flag" in str(world.answers["late"])
    assert world.sequences.count == 0


def test_states_that_grow_stay_within_their_bytes():
    """What no longer fits ends its sequence with a sentence; the others go on."""
    world = World(tensor_bytes=8 * ROW_BYTES)
    open_one(world, 1, width=4)
    open_one(world, 2, width=4)
    world.ask("too wide", 1)
    world.run(width=5)
    assert isinstance(world.answers["too wide"], SequenceError)
    assert "has grown beyond the 32 bytes that all sequences may hold" in str(
        world.answers["too wide"]
    )
    world.ask("on", 2)
    world.run(width=8)
    assert not isinstance(world.answers["on"], FalajError)


def test_the_last_state_is_kept_nowhere():
    """An end's state is nobody's, however large."""
    world = World(tensor_bytes=8 * ROW_BYTES)
    open_one(world, 1)
    world.ask("end", 1, sequence_end=True)
    world.run(width=100)
    assert not isinstance(world.answers["end"], FalajError)
    open_one(world, 2, width=8)
    assert world.sequences.count == 1


@pytest.mark.parametrize("flag", ["sequence_start", "sequence_end"])
@pytest.mark.parametrize("value", ["false", 1, None])
def test_a_flag_is_true_or_false(flag, value):
    """A text of "false" is no start."""
    world = World()
    open_one(world, 1)
    with pytest.raises(SequenceError, match=f"'{flag}' must be true or false"):
        world.ask("odd", 1, **{flag: value})
    world.ask("on", 1)
    assert len(world.queue) == 1
