"""How long the property tests may search, and which files are begun first.

`pytest --hypothesis-profile=long FILE` plays the thousand interleavings that `make check` has no
time for.
"""

from collections import Counter

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
