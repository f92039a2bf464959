"""Promise: one zone lost costs nobody an answer; with two, the last priorities wait by themselves.

Nobody gives a command: Lambda's refusals turn an alarm red, the load shedder writes a level, the
model's functions read it, and what they refuse makes room for those who come first.
"""

from collections import Counter

import pytest

from infra.config.tenants import Tenants
from local_region.rehearsal.callers import CALLERS
from local_region.rehearsal.outages import Outage

FIRST_PRIORITY, LAST_PRIORITY = "1", "5"


def lost(play, counted, text):
    """Rehearse a loss of zones under the traffic that leaves one zone's worth in reserve."""
    return play(
        folder=counted,
        traffic_rps=1.5,
        callers=CALLERS,
        outages=Outage.parse_all(text),
        begins_s=0.0,
    )


@pytest.fixture(scope="module")
def one(play, counted):
    """One zone of three."""
    return lost(play, counted, "az=1:3m")


@pytest.fixture(scope="module")
def two(play, counted):
    """Two zones of three."""
    return lost(play, counted, "az=2:8m")


def answers(minutes, priority):
    """What callers of a priority were answered in some minutes, by status."""
    found = Counter()
    for minute in minutes:
        found.update(minute["answers"].get(priority, {}))
    return found


def in_loss(result):
    """Minutes in which zones were lost."""
    return [minute for minute in result.minutes if minute["zones_lost"]]


@pytest.mark.slow
def test_one_zone_lost_costs_nobody_an_answer(one):
    """Two of three carry everything: every answer of every priority is 200, and nobody waits."""
    minutes = in_loss(one)

    assert len(minutes) >= 2
    for caller in CALLERS:
        found = answers(minutes, str(caller.priority))
        assert set(found) == {"200"}
        assert found["200"] > 10
    assert {minute["admitted"] for minute in minutes} == {5}
    assert (one.throttled, one.unanswered) == (0, 0)


@pytest.mark.slow
def test_two_zones_lost_let_the_last_priority_wait_with_429(two):
    """And every 429 says when to come back."""
    last = answers(in_loss(two), LAST_PRIORITY)

    assert last["429"] > last["200"]
    assert sum(minute["without_retry_after"] for minute in two.minutes) == 0


@pytest.mark.slow
def test_two_zones_lost_never_refuse_the_first_priority_for_its_priority(two):
    """It is answered, but for what Lambda refuses before the level has fallen far enough."""
    minutes = in_loss(two)
    first = answers(minutes, FIRST_PRIORITY)
    settled = answers(minutes[-3:], FIRST_PRIORITY)

    assert first["429"] == 0
    assert first["200"] > 0.85 * first.total()
    assert set(settled) == {"200"}


@pytest.mark.slow
def test_nothing_but_lambdas_refusals_started_it(two):
    """An alarm of the stacks, then a level; the minutes before it were refused whoever asked."""
    text = [f"{moment.kind}: {moment.text}" for moment in two.timeline]
    red = next(i for i, line in enumerate(text) if "capacity-falaj-" in line and "→ ALARM" in line)
    shed = next(i for i, line in enumerate(text) if line.startswith("shed: prior"))

    assert red < shed
    assert (
        0
        < two.throttled
        < 0.2 * sum(answers(in_loss(two), str(caller.priority)).total() for caller in CALLERS)
    )


@pytest.mark.slow
def test_answers_are_told_by_priority_and_status(two):
    """In the JSON, minute by minute."""
    document = two.to_dict()

    assert document["throttled"] == two.throttled
    assert set(document["minutes"][0]["answers"]) <= {str(c.priority) for c in CALLERS}
    assert {minute["zones_lost"] for minute in document["minutes"]} >= {2}


def test_the_rehearsals_tenants_are_ones_that_a_deployment_takes(tmp_path):
    """One of each priority, none of whom is over its rate before its turn."""
    import yaml

    from local_region.rehearsal.callers import tenants_document

    path = tmp_path / "tenants.yaml"
    path.write_text(yaml.safe_dump(tenants_document()))
    tenants = Tenants.read(path)

    assert sorted(limits.priority for limits in tenants.named.values()) == [1, 2, 3, 4, 5]
    assert {limits.burst for limits in tenants.named.values()} == {1_000_000}
