"""Does a model survive every value and size that a caller may send? Tried: nothing else tells.

A model may be small to load and quick on what the gate makes up, and yet take the process down
with one value that a caller chooses: a length that becomes a shape, a count that becomes a loop's,
a NaN that leads into the branch nobody has seen. So each input is given what its type holds at its
edges. An error is an answer; memory, time or a crash is a refusal.
"""

import os
import resource
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from catalogue.gate.refusal import Refusal
from catalogue.gate.running import Runs
from catalogue.gate.sampling import Feed, InputAxes, Recipe
from falaj.domain.tensors import DYNAMIC, Datatype

MOST_ROWS: Final = 32
"""As many as a container's largest batch usually holds."""
LONGEST_STRING: Final = "ف" * 65_536
INTEGERS: Final = (0, -1, 2**16, 2**29, 2**31 - 1, 2**40, -(2**63), 2**63 - 1, 2**64 - 1)
"""What may become a size or a count: some that memory cannot hold, and the ends of each type."""
EMPTY_CPU_S: Final = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Probe:
    """One input that is tried.

    Attributes:
        what: What is unusual of it.
        feed: The input.
    """

    what: str
    feed: Feed


def probe(runner: Runs, inputs: Sequence[InputAxes], recipe: Recipe, say: Any) -> bool:  # noqa: ANN401 - a function of one line
    """Run a model on the edges of what its signature allows.

    Args:
        runner: Runs it.
        inputs: Its inputs.
        recipe: Makes inputs that it takes.
        say: Told what is tried before it is: the words that remain if the process dies of it.

    Returns:
        Whether it survives tensors without elements; where it does not, it must not be given any.

    Raises:
        Refusal: An input decides how much memory it takes.
    """
    for each in probes(inputs, recipe):
        say(f"trying {each.what}")
        try:
            runner.run(each.feed)
        except MemoryError as error:
            raise Refusal(
                f"it needs more memory than it may have when it is given {each.what}: an input "
                "decides how much it takes; bound the input inside the graph (Clip, Min)"
            ) from error
        except Exception:  # noqa: BLE001, S112 - an error is an answer: the engine's own, of any type
            continue
    say("trying empty tensors")
    return _survives(runner, list(empties(inputs, recipe)))


def probes(inputs: Sequence[InputAxes], recipe: Recipe) -> Iterator[Probe]:
    """Yield what is tried: many rows, then each edge of each type.

    Floating-point inputs are changed together, others one by one: a model looks up an index before
    it comes to a length beside it, and would refuse both for the one.
    """
    usual = recipe.feed(inputs, rows=1, seed=0)
    if any(item.axes and item.axes[0] for item in inputs):
        feed = recipe.feed(inputs, rows=MOST_ROWS, seed=0)
        yield Probe(what=f"{MOST_ROWS} rows", feed=feed)
    floats = [item for item in inputs if item.spec.datatype.is_float]
    for name in ("zero", "nan", "inf", "-inf", "max", "min", "tiny", "1e9"):
        if floats:
            changed = {i.spec.name: _filled(usual[i.spec.name], _float(i, name)) for i in floats}
            yield Probe(what=f"{name} in its floating-point inputs", feed={**usual, **changed})
    for item in inputs:
        name = item.spec.name
        for value in _edges(item.spec.datatype):
            shown = "a long string" if value == LONGEST_STRING else repr(value)
            feed = {**usual, name: _filled(usual[name], value)}
            yield Probe(what=f"{shown} in input {name!r}", feed=feed)


def empties(inputs: Sequence[InputAxes], recipe: Recipe) -> Iterator[Feed]:
    """Yield inputs without elements: each open dimension alone at 0, then all of them."""
    usual = recipe.feed(inputs, rows=1, seed=0)
    names = list(dict.fromkeys(name for item in inputs for name in item.axes if name))
    for closed in [{name} for name in names] + ([set(names)] if len(names) > 1 else []):
        feed = dict(usual)
        for item in inputs:
            array = usual[item.spec.name]
            shape = tuple(
                0 if size == DYNAMIC and name in closed else seen
                for size, name, seen in zip(item.spec.shape, item.axes, array.shape, strict=True)
            )
            if 0 in shape:
                feed[item.spec.name] = np.empty(shape, dtype=array.dtype)
        yield feed


def _survives(runner: Runs, feeds: Sequence[Feed]) -> bool:
    """Say whether a process lives through all of these; tried in one that may die of it.

    Kernels that end the process on such a tensor belong to honest models as well.
    """
    if not feeds:
        return True
    child = os.fork()
    if child == 0:
        os._exit(_tried(runner, feeds))
    _, status = os.waitpid(child, 0)
    return status == 0


def _tried(runner: Runs, feeds: Sequence[Feed]) -> int:
    try:
        _, hard = resource.getrlimit(resource.RLIMIT_CPU)
        most = EMPTY_CPU_S if hard == resource.RLIM_INFINITY else min(EMPTY_CPU_S, hard)
        resource.setrlimit(resource.RLIMIT_CPU, (most, hard))
        for feed in feeds:
            try:
                runner.run(feed)
            except MemoryError:
                return 1
            except Exception:  # noqa: BLE001, S112 - as above
                continue
    except BaseException:  # noqa: BLE001 - nothing of the copied process may go on
        return 1
    return 0


def _edges(datatype: Datatype) -> tuple[Any, ...]:
    if datatype is Datatype.BYTES:
        return ("", "\0", LONGEST_STRING)
    if datatype is Datatype.BOOL:
        return (False, True)
    if not datatype.is_integer:
        return ()
    bounds = np.iinfo(datatype.numpy_name)
    kept = [value for value in INTEGERS if bounds.min <= value <= bounds.max]
    return tuple(dict.fromkeys((*kept, int(bounds.min), int(bounds.max))))


def _float(item: InputAxes, name: str) -> float:
    bounds = np.finfo(item.spec.datatype.numpy_name)
    named = {
        "zero": 0.0,
        "max": float(bounds.max),
        "min": float(bounds.min),
        "tiny": float(bounds.smallest_subnormal),
        "1e9": min(1e9, float(bounds.max)),
    }
    return named[name] if name in named else float(name)


def _filled(like: NDArray[Any], value: Any) -> NDArray[Any]:  # noqa: ANN401 - of the array's type
    filled = np.empty(like.shape, dtype=like.dtype)
    filled.fill(value)
    return filled
