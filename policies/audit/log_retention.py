"""Logs are kept as long as they must be."""

from collections.abc import Iterator
from typing import Final

from policies.application import Resource, View
from policies.rule import Rule

LEAST_DAYS: Final = 30


def _check(resource: Resource, view: View) -> Iterator[str]:
    del view
    days = resource.properties.get("RetentionInDays")
    if not isinstance(days, int) or days < LEAST_DAYS:
        yield f"RetentionInDays is {days}; write at least {LEAST_DAYS}"


RULE = Rule(
    id="audit.log-retention",
    title="Log groups have a retention",
    reason=(
        "Logs that are kept for ever are found by the next intruder; logs that are gone "
        "explain nothing."
    ),
    source=(
        "https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/"
        "Working-with-log-groups-and-streams.html"
    ),
    controls=("ISO-8.15", "ISO-8.16", "IAR-T3", "HEALTH-20"),
    types=("AWS::Logs::LogGroup",),
    check=_check,
)
