"""What a function puts on the default bus is heard there, as on AWS."""

import json

import pytest

from local_region.backends.moto_backends import MotoBackends
from local_region.events.put_events import PutEvent, PutEvents

ACCOUNT, REGION = "800000000077", "me-central-1"


@pytest.fixture
def heard():
    """Every event that reached our bus."""
    return []


@pytest.fixture
def client(heard):
    """An account whose events we hear."""
    backends = MotoBackends.open(account=ACCOUNT, region=REGION, endpoint="http://127.0.0.1:1")
    events = PutEvents(REGION, ACCOUNT, on_event=heard.append)
    events.install()
    yield backends.client("events")
    events.reset()
    backends.close()


def entry(**changes):
    """Make an entry that EventBridge takes."""
    return {
        "Source": "falaj.drift",
        "DetailType": "Drift Verdict Changed",
        "Detail": json.dumps({"model": "churn"}),
        **changes,
    }


def test_an_event_is_heard(client, heard):
    """Source, kind and detail as they were put."""
    answer = client.put_events(Entries=[entry()])
    assert (answer["FailedEntryCount"], heard) == (
        0,
        [
            PutEvent(
                source="falaj.drift",
                detail_type="Drift Verdict Changed",
                detail={"model": "churn"},
            )
        ],
    )


def test_a_refused_event_is_not(client, heard):
    """Its neighbours are."""
    answer = client.put_events(Entries=[entry(Detail="{"), entry()])
    assert (answer["FailedEntryCount"], len(heard)) == (1, 1)
