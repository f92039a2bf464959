"""A table can be put back to any second."""

from collections.abc import Iterator

from policies.application import Resource, View
from policies.rule import Rule
from policies.values import at, is_true


def _check(resource: Resource, view: View) -> Iterator[str]:
    del view
    key = "PointInTimeRecoverySpecification.PointInTimeRecoveryEnabled"
    if not is_true(at(resource.properties, key)):
        yield f"{key} is not on"


RULE = Rule(
    id="audit.table-recovery",
    title="Tables have point-in-time recovery",
    reason="A bad write is as final as a lost disk without it.",
    source=(
        "https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/"
        "Point-in-time-recovery.html"
    ),
    controls=("ISO-8.13", "IAR-T3"),
    types=("AWS::DynamoDB::Table",),
    check=_check,
)
