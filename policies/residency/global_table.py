"""Tables have no replica elsewhere."""

from collections.abc import Iterator

from falaj.contract import REGION
from policies.application import Resource, View
from policies.rule import Rule
from policies.values import at, items


def _check(resource: Resource, view: View) -> Iterator[str]:
    del view
    for replica in items(resource.properties.get("Replicas")):
        if at(replica, "Region") != REGION:
            yield f"it has a replica in {at(replica, 'Region')}"


RULE = Rule(
    id="residency.global-table",
    title="No replica of a table in another region",
    reason="A global table writes every item to each of its regions.",
    source="https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/GlobalTables.html",
    controls=("PDPL-22", "HEALTH-13", "CBUAE-6.1", "CBUAE-6.3"),
    types=("AWS::DynamoDB::GlobalTable",),
    check=_check,
)
