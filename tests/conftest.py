"""How long the property tests may search, which files are begun first, what is made only once.

`pytest --hypothesis-profile=long FILE` plays the thousand interleavings that `make check` has no
time for.
"""

import fcntl
import os
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

# How quickly examples are drawn says something of the machine, nothing of what is tested.
PATIENT = settings(settings(), suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("patient", PATIENT)
settings.register_profile("long", PATIENT, max_examples=1000)
settings.load_profile("patient")


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin files with slow tests first, then those with many: none is left to run at the end.

    Files are dealt out whole (`--dist loadfile`), in this order (`--no-loadscope-reorder`).
    """
    tests = Counter(item.path for item in items)
    slow = Counter(item.path for item in items if item.get_closest_marker("slow"))
    items.sort(key=lambda item: (not slow[item.path], -tests[item.path], item.path))


@pytest.fixture(scope="session")
def made_once(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """Make a folder once for all processes of a run; a process that comes meanwhile waits for it.

    What is made is read by tests of several processes at once: a test that would change it copies
    it first.
    """
    own = tmp_path_factory.getbasetemp()
    shared = own.parent if "PYTEST_XDIST_WORKER" in os.environ else own

    def make(name: str, fill: Callable[[Path], object]) -> Path:
        folder, done = shared / f"once-{name}", shared / f"once-{name}.done"
        with (shared / f"once-{name}.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not done.exists():
                folder.mkdir()
                fill(folder)
                done.touch()
        return folder

    return make
