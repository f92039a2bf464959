"""Nothing in a template is hidden from these rules."""

from collections.abc import Iterator

from policies.application import STACK, Resource, View
from policies.rule import Rule


def _check(resource: Resource, view: View) -> Iterator[str]:
    del view
    if resource.type != STACK:
        yield f"{resource.type} does what its code does, which no rule can see"
    if resource.properties.get("Transform"):
        yield f"the transform {resource.properties['Transform']} rewrites the template unseen"
    for what in sorted(set(resource.properties.get("Opaque", ()))):
        yield f"{what} cannot be looked into"


RULE = Rule(
    id="residency.opaque-template",
    title="No macro, no unreadable value",
    reason=(
        "A macro rewrites the template after it was checked, so that nothing said about it holds."
    ),
    source=(
        "https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/"
        "transform-section-structure.html"
    ),
    controls=("PDPL-22", "HEALTH-13", "CBUAE-6.1", "ISO-8.9"),
    types=(
        "Falaj::Stack",
        "AWS::CloudFormation::Macro",
        "AWS::CloudFormation::CustomResource",
        "Custom::*",
    ),
    check=_check,
)
