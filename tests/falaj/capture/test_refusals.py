"""Promise: every refusal is in the trail, and no flood of them fills it."""

import json
from datetime import UTC, datetime, timedelta

import pytest

from falaj.capture.keyring import KeyRing, TenantKey
from falaj.capture.recording import Keys, Recording
from falaj.capture.records import audit_record
from falaj.capture.refusals import CALLERS, Refusal, Refusals

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
KEY = TenantKey(tenant="bank", number=1, id="5eed5eed", secret=bytes(32))
STRANGER = Refusal("unauthenticated", 401)
CLERK = Refusal("forbidden", 403, "infer", "churn", "bank", "clerk-7")


@pytest.fixture
def written():
    """The lines."""
    return []


@pytest.fixture
def refusals(written):
    """What counts them, for a model."""
    recording = Recording(Keys(lambda: KeyRing.of([KEY]), NOON, start=lambda work: work()))
    return Refusals(recording, written.append, release="7", model="churn")


def records(written):
    """What the recorder makes of the lines."""
    return [audit_record(json.loads(line), event="e") for line in written]


def test_the_first_of_its_kind_is_recorded_at_once(refusals, written):
    """With what is known: a caller whose token was believed, by his pseudonym; else nobody."""
    refusals.note(STRANGER, NOON)
    refusals.note(CLERK, NOON)
    first, second = records(written)

    assert (first["who"], first["status"], first["outcome"]) == (None, 401, "unauthenticated")
    assert first["fault"] == "nobody is known to have asked"
    assert (second["who"], second["operation"]) == (KEY.who("clerk-7"), "infer")
    assert [first["count"], second["count"]] == [1, 1]
    assert [first["number"], second["number"]] == [1, 2]
    assert "clerk-7" not in "".join(written)


def test_a_flood_leaves_a_handful_of_records_that_count_all_of_it(refusals, written):
    """A hundred thousand in a minute, from nobody and from a clerk."""
    for second in range(50):
        for _ in range(1000):
            refusals.note(STRANGER, NOON + timedelta(seconds=second))
            refusals.note(CLERK, NOON + timedelta(seconds=second))
    refusals.settle(NOON + timedelta(minutes=1))
    found = records(written)

    assert len(found) == 2 * 6  # the 1st, 10th, 100th, 1,000th, 10,000th and the rest
    for status in (401, 403):
        assert sum(r["count"] for r in found if r["status"] == status) == 50_000


def test_each_minute_begins_anew(refusals, written):
    """So that a caller who never stops is seen in every minute."""
    for minute in range(3):
        for _ in range(5):
            refusals.note(STRANGER, NOON + timedelta(minutes=minute))
    refusals.settle(NOON, is_last=True)

    assert [r["count"] for r in records(written)] == [1, 4, 1, 4, 1, 4]


def test_many_callers_cannot_fill_it_either(refusals, written):
    """Beyond so many in a minute nobody is named, and all are counted."""
    for number in range(10_000):
        refusals.note(CLERK._replace(subject=f"clerk-{number}"), NOON)
    refusals.settle(NOON, is_last=True)
    found = records(written)

    assert len(found) <= CALLERS + 6
    assert sum(r["count"] for r in found) == 10_000


def test_settling_twice_says_nothing_twice(refusals, written):
    """A process that ends has told all, once."""
    refusals.note(STRANGER, NOON)
    refusals.settle(NOON, is_last=True)
    refusals.settle(NOON, is_last=True)

    assert len(written) == 1
