"""A session made from bytes, and what running it shows."""

import re
import resource
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Protocol

import numpy as np
import onnxruntime  # type: ignore[import-untyped]
from numpy.typing import NDArray

from catalogue.gate.refusal import Refusal, first_line
from catalogue.gate.sampling import Feed, InputAxes, Recipe, recipes

PROVIDER: Final = "CPUExecutionProvider"
QUIET: Final = 4
RESIDENT_PAGES: Final = Path("/proc/self/statm")
MOST_RUNS: Final = 50
LONGEST_MEASUREMENT_S: Final = 1.0
_NEWEST_OPSET: Final = re.compile(r"official support for domain (\S+) is till opset (\d+)")
_LOCALE: Final = re.compile(r"construct locale with name:([\w.@-]+?):")

Answer = dict[str, NDArray[Any]]


class Runs(Protocol):
    """Anything that is examined by being run."""

    def run(self, feed: Feed) -> Answer:
        """Return every output by name."""
        ...


@dataclass(frozen=True, slots=True)
class Runner:
    """Runs one model; one thread, so that its memory is the model's own."""

    session: onnxruntime.InferenceSession
    load_ms: float

    @classmethod
    def load(cls, data: bytes) -> "Runner":
        """Make a session from bytes, never from a path: a path would resolve external data.

        Raises:
            Refusal: The engine does not take the model, or takes it on another provider.
        """
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        options.inter_op_num_threads = 1
        options.log_severity_level = QUIET
        start = time.perf_counter()
        try:
            session = onnxruntime.InferenceSession(data, options, providers=[PROVIDER])
        except Exception as error:
            _raise_if_out_of_memory(error)
            raise Refusal(_not_loaded(error)) from error
        load_ms = _since(start)
        if session.get_providers() != [PROVIDER]:
            raise Refusal(f"it runs on {session.get_providers()} instead of {PROVIDER}")
        return cls(session, load_ms)

    def run(self, feed: Feed) -> Answer:
        """Return every output by name.

        Raises:
            MemoryError: The engine could not allocate what the run needs.
            Exception: Whatever else the engine raises for an input it does not take.
        """
        names = [output.name for output in self.session.get_outputs()]
        try:
            return dict(zip(names, self.session.run(names, feed), strict=True))
        except Exception as error:
            _raise_if_out_of_memory(error)
            raise


@dataclass(frozen=True, slots=True, kw_only=True)
class Timing:
    """Milliseconds of the first run and of those after it."""

    first_run_ms: float
    p50_ms: float
    p99_ms: float
    runs: int


def warm_up(runner: Runs, inputs: Sequence[InputAxes], pools: Mapping[str, NDArray[Any]]) -> Recipe:
    """Find a recipe whose input the model takes.

    Raises:
        Refusal: None was taken; the sentence has the engine's last word.
    """
    last = ""
    for recipe in recipes(inputs, pools):
        try:
            runner.run(recipe.feed(inputs, rows=1, seed=0))
        except MemoryError:
            raise
        except Exception as error:  # noqa: BLE001 - the engine raises its own types for a bad input
            last = first_line(error)
        else:
            return recipe
    raise Refusal(
        f"no made-up input was taken ({last}); "
        "write golden.json with a request that the model answers"
    )


def measure(runner: Runs, feed: Feed) -> Timing:
    """Time a first and some further runs."""
    start = time.perf_counter()
    runner.run(feed)
    first = _since(start)
    times: list[float] = []
    began = time.perf_counter()
    while len(times) < MOST_RUNS and time.perf_counter() - began < LONGEST_MEASUREMENT_S:
        start = time.perf_counter()
        runner.run(feed)
        times.append(_since(start))
    return Timing(
        first_run_ms=round(first, 3),
        p50_ms=round(float(np.percentile(times, 50)), 3),
        p99_ms=round(float(np.percentile(times, 99)), 3),
        runs=len(times),
    )


def resident_memory_mib() -> float:
    """Return this process's resident memory now; its peak where the system tells only that."""
    try:
        pages = int(RESIDENT_PAGES.read_text(encoding="ascii").split()[1])
    except OSError:
        unit = 1 if sys.platform == "darwin" else 1024  # getrusage(2): bytes on macOS, else KiB
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 2**20
    return pages * resource.getpagesize() / 2**20


def _raise_if_out_of_memory(error: Exception) -> None:
    """Translate the engine's words, for it has no exception of its own for this."""
    text = str(error)
    if any(word in text for word in ("Failed to allocate memory", "bad_alloc", "bad allocation")):
        raise MemoryError from error


def _not_loaded(error: Exception) -> str:
    """Say why a model is not loaded; for what one can name, without the engine's own files."""
    text = str(error)
    if newest := _NEWEST_OPSET.search(text):
        return (
            f"its operator set is newer than ONNX Runtime {onnxruntime.__version__} serves "
            f"({newest[1]} is at most {newest[2]}); export it with target_opset={newest[2]} or less"
        )
    if locale := _LOCALE.search(text):
        return (
            f"a StringNormalizer asks for the locale {locale[1]!r}, which images of Lambda do not "
            "have; set its attribute 'locale' to 'C.UTF-8'"
        )
    return f"ONNX Runtime does not load it: {first_line(error)}"


def _since(start: float) -> float:
    return (time.perf_counter() - start) * 1000
