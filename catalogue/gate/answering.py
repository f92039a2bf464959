"""A model's answers to given rows; runs inside the child process only."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from catalogue.gate.refusal import Refusal, first_line
from catalogue.gate.running import Answer, Runner

AT_ONCE: Final = 256


def answer_rows(
    data: bytes, rows: Path, answers: Path, *, inputs: Sequence[str], is_joined: bool
) -> list[str]:
    """Run a model on rows, write its numeric outputs, and return their names in that order.

    Args:
        data: The model, which the gate has let in.
        rows: An .npz of every input, rows first.
        answers: Where an .npz of the outputs goes.
        inputs: The inputs' names, in the file's order.
        is_joined: Whether rows may share a run.

    Raises:
        Refusal: The model does not take them.
    """
    runner = Runner.load(data)
    with np.load(rows, allow_pickle=False) as file:
        feed = dict(zip(inputs, (file[each] for each in file.files), strict=True))
    number = len(next(iter(feed.values())))
    step = AT_ONCE if is_joined else 1
    parts: list[Answer] = []
    for start in range(0, number, step):
        part = {name: _typed(tensor[start : start + step]) for name, tensor in feed.items()}
        try:
            parts.append(runner.run(part))
        except MemoryError:
            raise
        except Exception as error:
            raise Refusal(f"it does not take its reference rows: {first_line(error)}") from error
    joined = {
        name: np.concatenate([np.atleast_1d(part[name]) for part in parts])
        for name in parts[0]
        if parts[0][name].dtype.kind in "fiub"
    }
    # By place: a tensor may be called what an argument of `savez` is.
    with answers.open("wb") as out:
        np.savez(out, *joined.values())
    return list(joined)


def _typed(tensor: NDArray[Any]) -> NDArray[Any]:
    """Return strings as the engine takes them; they travel as NumPy's own."""
    return tensor.astype(object) if tensor.dtype.kind == "U" else tensor
