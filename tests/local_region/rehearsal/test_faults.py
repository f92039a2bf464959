"""Promise: faults are written one way, and hit the same requests whenever they are rehearsed."""

import json
import os
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest

from falaj.errors import ConfigurationError
from local_region.rehearsal import boundary
from local_region.rehearsal.faults import Fault, FaultKind, checked
from local_region.rehearsal.latencies import MEDIAN_MS, Latencies
from local_region.rehearsal.shared_clock import SharedClock

PROGRAM = """
import datetime, importlib.util, json, os, sys, time
spec = importlib.util.spec_from_file_location("met", sys.argv[1])
met = importlib.util.module_from_spec(spec)
spec.loader.exec_module(met)
met.main()
now = datetime.datetime.now(datetime.timezone.utc)
print(json.dumps({
    "now": now.isoformat(),
    "time": time.time(),
    "is": isinstance(datetime.datetime(2026, 1, 1), type(now)),
}))
"""


@pytest.fixture
def clock(tmp_path):
    """A clock whose page lies in the test's folder."""
    made = SharedClock(tmp_path / "page")
    made.name_stable("1")
    yield made
    made.close()


@pytest.mark.parametrize("kind", list(FaultKind))
def test_a_fault_reads_what_it_writes(kind):
    """Every kind has one spelling."""
    fault = Fault(kind=kind, value=1.0)
    assert Fault.parse(str(fault)) == fault


@pytest.mark.parametrize(
    "text", ["", "errors", "errors=", "errors=0", "errors=nan", "errors=2", "latency=0", "rain=1"]
)
def test_what_is_no_fault_is_refused(text):
    """With the way it is written."""
    with pytest.raises(ConfigurationError, match="="):
        Fault.parse(text)


def test_one_kind_may_befall_the_candidate_and_both():
    """But not the same versions twice."""
    alone = Fault.parse("errors=0.1")
    assert len(checked([alone, Fault.parse("errors=0.2", is_shared=True)])) == 2
    with pytest.raises(ConfigurationError, match="once"):
        checked([alone, Fault.parse("errors=0.2")])


def test_share_of_hits_is_the_rate():
    """Within four standard deviations over ten thousand requests."""
    hits = sum(boundary.is_hit(7, "errors", f"Root=1-{n}", 0, 0.2) for n in range(10_000))
    assert 1_840 <= hits <= 2_160


def test_process_reads_the_regions_clock(clock, tmp_path):
    """Handlers that ask for the time get virtual time."""
    clock.leap(clock.now() + timedelta(days=400))
    asked = subprocess.run(
        [sys.executable, "-c", PROGRAM, boundary.__file__],
        env={
            **os.environ,
            boundary.PAGE: str(tmp_path / "page"),
            boundary.PLAN: json.dumps({"seed": 0, "faults": []}),
        },
        capture_output=True,
        text=True,
        check=True,
    )
    said = json.loads(asked.stdout)

    assert said == {"now": clock.now().isoformat(), "time": clock.now().timestamp(), "is": True}


def test_page_tells_when_faults_begin(clock, tmp_path):
    """What the region writes, a process reads."""
    page = boundary.Page(str(tmp_path / "page"))
    before = page.has_begun()
    clock.begin_faults()

    assert (before, page.has_begun(), page.stable()) == (False, True, "1")


def test_latencies_are_alike_until_a_fault_begins(clock):
    """Both versions draw the same; then the candidate's are multiplied."""
    latencies = Latencies(clock, seed=7, faults=[Fault.parse("latency=3")])
    latencies.stable = "1"
    before = [latencies.draw("Root=1-a", version) for version in ("1", "2")]
    clock.begin_faults()
    after = [latencies.draw("Root=1-a", version) for version in ("1", "2")]

    assert before[0] == before[1] == after[0] == pytest.approx(after[1] / 3)


def test_latencies_have_their_median(clock):
    """The documented figure."""
    latencies = Latencies(clock, seed=7, faults=[])
    drawn = sorted(latencies.draw(f"Root=1-{n}", "1") for n in range(2_001))
    assert drawn[1_000] == pytest.approx(MEDIAN_MS, rel=0.05)


def test_boundary_needs_the_standard_library_alone():
    """It runs where nothing of the region is installed."""
    text = Path(boundary.__file__).read_text()
    assert "from falaj" not in text
    assert "from local_region" not in text
