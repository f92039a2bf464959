"""The moment from which experiments are looked at."""

from datetime import UTC, datetime

import pytest

from tests.analysis.truth import START


@pytest.fixture
def now():
    """A moment when every window is closed."""
    return datetime.fromtimestamp(START + 10_000_000, UTC)
