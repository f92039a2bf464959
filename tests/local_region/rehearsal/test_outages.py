"""Promise: with S3, DynamoDB or KMS dark, or a zone lost, requests are answered, shares stand."""

import pytest

from falaj.errors import ConfigurationError
from local_region.rehearsal.outages import Outage, checked, zone_of, zones
from local_region.rehearsal.scenario import Ending

DARK = ("s3-dark", "dynamodb-dark", "kms-dark")


@pytest.fixture(scope="module")
def rehearsed(play):
    """Everything that the controller needs is dark for ten minutes, and a zone is lost."""
    lost = (f"az={zones()[0]}:5m",)
    return play(traffic_rps=2.5, outages=tuple(map(Outage.parse, (*DARK, *lost))))


@pytest.mark.slow
def test_what_is_warm_is_available_and_what_is_lost_is_made_up_for(rehearsed):
    """Not one request is bad: others start where zones are left, and inference needs no service."""
    assert (rehearsed.stable_bad, rehearsed.candidate_bad, rehearsed.unanswered) == (0, 0, 0)
    for outage in rehearsed.outages:
        assert outage["requests"] > 500
        assert outage["bad"] == 0


@pytest.mark.slow
def test_while_it_is_dark_no_share_grows(rehearsed):
    """Promotions are frozen for the ten minutes, whatever the plan says."""
    dark = [outage for outage in rehearsed.outages if "dark" in outage["outage"]]

    assert [outage["ends_s"] - outage["begins_s"] for outage in dark] == [600] * 3
    assert {(outage["share_before"], outage["share_after"]) for outage in dark} == {(0.2, 0.2)}


@pytest.mark.slow
def test_afterwards_the_rollout_goes_on_to_its_end(rehearsed):
    """Nothing was lost of what was known."""
    assert rehearsed.verdict is Ending.PROMOTED, rehearsed.reason


def brief(play, *outages):
    """Release everything at once, which is promoted after two quiet minutes."""
    return play(plan="all_at_once", traffic_rps=0.4, outages=tuple(map(Outage.parse, outages)))


@pytest.mark.slow
@pytest.mark.parametrize("service", DARK)
def test_each_service_alone_costs_no_answer_and_freezes_the_promotion(play, service):
    """Ten minutes long: what two quiet minutes would have promoted waits for all of them."""
    result = brief(play, service)
    (outage,) = result.outages

    assert (result.stable_bad, result.candidate_bad, result.unanswered) == (0, 0, 0)
    assert (outage["bad"], outage["share_before"]) == (0, outage["share_after"])
    assert outage["requests"] > 150
    assert result.verdict is Ending.PROMOTED, result.reason
    assert result.virtual_seconds > outage["ends_s"] == outage["begins_s"] + 600


@pytest.mark.slow
def test_with_everything_up_the_same_release_is_promoted_long_before(play):
    """Otherwise the waiting would prove nothing."""
    result = brief(play)

    assert result.verdict is Ending.PROMOTED, result.reason
    assert result.virtual_seconds < 300


def test_an_outage_is_written_one_way():
    """Ten minutes unless it is said otherwise."""
    assert [str(Outage.parse(text)) for text in ("s3-dark", "kms-dark=5m", "az=mec1-az2:1h")] == [
        "s3-dark=600s",
        "kms-dark=300s",
        "az=mec1-az2:3600s",
    ]


@pytest.mark.parametrize(
    ("text", "lost"),
    [
        ("az=1", ["az=mec1-az1:600s"]),
        ("az=2:5m", ["az=mec1-az1:300s", "az=mec1-az2:300s"]),
        ("az=mec1-az3", ["az=mec1-az3:600s"]),
        ("s3-dark", ["s3-dark=600s"]),
    ],
)
def test_zones_are_asked_for_by_number_too(text, lost):
    """The first ones."""
    assert [str(outage) for outage in Outage.parse_all(text)] == lost


@pytest.mark.parametrize("text", ["az=0", "az=3", "az=17:5m"])
def test_one_zone_is_spared(text):
    """Otherwise there is nothing to rehearse."""
    with pytest.raises(ConfigurationError, match="write az=1 to az=2"):
        Outage.parse_all(text)


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
