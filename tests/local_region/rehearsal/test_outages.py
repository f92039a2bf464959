"""Promise: with S3, DynamoDB or KMS dark, or a zone lost, requests are answered, shares stand."""

import pytest

from falaj.errors import ConfigurationError
from local_region.rehearsal.outages import Outage, checked, zone_of, zones
from local_region.rehearsal.scenario import Ending


@pytest.mark.slow
def test_what_the_controller_needs_may_be_dark_for_ten_minutes(play):
    """Warm inference is 100 % available, no share grows meanwhile, and afterwards it goes on."""
    dark = [Outage.parse(text) for text in ("s3-dark", "dynamodb-dark", "kms-dark")]
    result = play(traffic_rps=2.5, outages=tuple(dark))

    assert result.verdict is Ending.PROMOTED, result.reason
    assert (result.stable_bad, result.candidate_bad, result.unanswered) == (0, 0, 0)
    for outage in result.outages:
        assert outage["requests"] > 1000
        assert outage["bad"] == 0
        assert outage["share_after"] == outage["share_before"] < 1.0
        assert outage["ends_s"] - outage["begins_s"] == 600


@pytest.mark.slow
def test_a_lost_zone_costs_warmth_and_no_request(play):
    """Its environments are gone; others start where zones are left; every request is answered."""
    lost = tuple(Outage.parse(f"az={zone}:2m") for zone in zones()[:2])
    result = play(traffic_rps=2.5, outages=lost)

    assert result.verdict is Ending.PROMOTED, result.reason
    assert (result.stable_bad, result.candidate_bad, result.unanswered) == (0, 0, 0)
    assert all(outage["requests"] > 100 for outage in result.outages)


def test_an_outage_is_written_one_way():
    """Ten minutes unless it is said otherwise."""
    assert [str(Outage.parse(text)) for text in ("s3-dark", "kms-dark=5m", "az=mec1-az2:1h")] == [
        "s3-dark=600s",
        "kms-dark=300s",
        "az=mec1-az2:3600s",
    ]


@pytest.mark.parametrize(
    "text",
    ["s3-dark=0s", "s3-dark=soon", "az", "az=", "az=use1-az1", "az=mec1-az1:x", "kms-dark=5"],
)
def test_an_outage_that_is_none_is_refused(text):
    """With what to write instead."""
    with pytest.raises(ConfigurationError, match=r"write az=ID|no duration"):
        Outage.parse(text)


def test_losing_every_zone_is_no_rehearsal():
    """Nothing would be left; nor is the same outage two."""
    with pytest.raises(ConfigurationError, match="every zone is lost"):
        checked([Outage.parse(f"az={zone}") for zone in zones()])
    with pytest.raises(ConfigurationError, match="once"):
        checked([Outage.parse("s3-dark"), Outage.parse("s3-dark=5m")])


def test_environments_are_spread_over_zones_and_start_in_none_that_is_lost():
    """A third each, and never where nothing runs."""
    names = [f"{number:08x}" for number in range(3000)]
    spread = [sum(zone_of(name) == zone for name in names) for zone in zones()]
    lost = frozenset(zones()[:1])

    assert min(spread) > 700
    assert not {zone_of(name, lost) for name in names} & lost
