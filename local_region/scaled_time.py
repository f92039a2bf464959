"""Runs first in every function process of a region whose time is scaled: the same clock there.

What is measured (`perf_counter`, `monotonic`) and what waits (`sleep`, sockets) stays real: a
request takes as long as it takes. It needs the standard library alone.
"""

import importlib.util
import os
import time
from pathlib import Path
from types import ModuleType

PACE = "_FALAJ_PACE"
_CLOCKS = Path(__file__).parent / "rehearsal" / "boundary.py"


class Scaled:
    """The region's time, told from the machine's.

    Args:
        origin: When both told the same, in seconds since 1970.
        speed: Seconds of the region in one of the machine's.
    """

    def __init__(self, origin: float, speed: float) -> None:
        self._origin, self._speed, self._machine = origin, speed, time.time  # noqa: TID251 - kept

    def now(self) -> float:
        """Return the region's time, in seconds since 1970."""
        return self._origin + (self._machine() - self._origin) * self._speed


def main() -> None:
    """Take over the clock."""
    origin, speed = map(float, os.environ[PACE].split())  # noqa: TID251 - the region's word
    _loaded(_CLOCKS).follow(Scaled(origin, speed))


def _loaded(path: Path) -> ModuleType:
    """Load a file of the region, whose packages no function process can import."""
    spec = importlib.util.spec_from_file_location(path.stem, path)
    if spec is None or spec.loader is None:
        raise ImportError(str(path))
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
