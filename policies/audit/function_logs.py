"""A function writes to a log group that its stack made."""

from collections.abc import Iterator

from policies.application import Resource, View
from policies.rule import Rule
from policies.values import at


def _check(resource: Resource, view: View) -> Iterator[str]:
    del view
    if not at(resource.properties, "LoggingConfig.LogGroup"):
        yield "it has no LoggingConfig.LogGroup"


RULE = Rule(
    id="audit.function-logs",
    title="Functions name their log group",
    reason=(
        "Lambda makes a missing log group by itself: never encrypted under our key, never expiring."
    ),
    source="https://docs.aws.amazon.com/lambda/latest/dg/monitoring-cloudwatchlogs-loggroups.html",
    controls=("ISO-8.15", "ISO-8.16", "IAR-T3"),
    types=("AWS::Lambda::Function",),
    check=_check,
)
