"""Stacks do not speak to stacks of other regions."""

from policies.rule import Rule, forbid

RULE = Rule(
    id="residency.cross-region-reference",
    title="No export to another region, no stack set",
    reason=(
        "Cross-region references copy values to another region, and a stack set deploys to "
        "others unseen by these rules."
    ),
    source="https://docs.aws.amazon.com/cdk/v2/guide/resources.html",
    controls=("PDPL-22", "HEALTH-13", "CBUAE-6.1", "ISO-8.9"),
    types=(
        "Custom::CrossRegionExportWriter",
        "Custom::CrossRegionExportReader",
        "Custom::CrossRegionStringParameterReader",
        "AWS::CloudFormation::StackSet",
    ),
    check=forbid("it carries values or stacks to another region"),
)
