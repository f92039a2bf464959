"""Only what the region offers is asked for."""

from collections.abc import Iterator
from typing import Final

from falaj.contract import REGION
from policies.application import STACK, Resource, View
from policies.region import offered_types
from policies.rule import ALL, Rule

_FREE: Final = ("Custom::", "AWS::CloudFormation::CustomResource", "AWS::CDK::Metadata")
"""Types that are ours or no resource at all."""


def _check(resource: Resource, view: View) -> Iterator[str]:
    del view
    if resource.type.startswith(_FREE) or resource.type == STACK:
        return
    if resource.type not in offered_types():
        yield f"CloudFormation does not offer {resource.type} in {REGION}; use another type"


RULE = Rule(
    id="residency.type-offered",
    title="Every type is offered in the region",
    reason=(
        "CloudFormation refuses a type that the region lacks, and the nearest region that has"
        " it is abroad."
    ),
    source="https://github.com/aws-cloudformation/cfn-lint/tree/main/src/cfnlint/data/schemas",
    controls=("PDPL-22", "HEALTH-13", "CBUAE-6.1", "ISO-5.23"),
    types=ALL,
    check=_check,
)
