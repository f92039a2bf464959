"""Nothing in a template is hidden from these rules."""

from collections.abc import Iterator
from typing import Final

from policies.application import STACK, Resource, View
from policies.rule import Rule

_NESTED: Final = "AWS::CloudFormation::Stack"
_CODE: Final = ("AWS::CloudFormation::", "Custom::")
_HARMLESS: Final = (
    "AWS::CloudFormation::WaitCondition",
    "AWS::CloudFormation::WaitConditionHandle",
)
_LOCATIONS: Final = ("DefinitionS3Location", "DefinitionUri", "CodeUri")


def _check(resource: Resource, view: View) -> Iterator[str]:
    if resource.type == _NESTED:
        yield from _unread(resource, view)
    elif resource.type.startswith(_CODE) and resource.type not in _HARMLESS:
        yield f"{resource.type} does what its code does, which no rule can see"
    for key in _LOCATIONS:
        if resource.type != STACK and resource.properties.get(key):
            yield f"{key} is read at deployment; put it into the template"
    if resource.properties.get("Transform"):
        yield f"the transform {resource.properties['Transform']} rewrites the template unseen"
    for what in sorted(set(resource.properties.get("Opaque", ()))):
        yield f"{what} cannot be looked into"


def _unread(resource: Resource, view: View) -> Iterator[str]:
    """Refuse a nested stack whose template is not one of this assembly's, which are all read."""
    url = str(resource.properties.get("TemplateURL", ""))
    read = {
        str(asset.get("objectKey"))
        for asset in view.stack.assets
        if str(asset.get("path", "")).endswith(".template.json")
    }
    if url.rpartition("/")[2] not in read:
        yield f"its template {url} lies outside this assembly; nest a stack of the application"


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
        "AWS::CloudFormation::*",
        "AWS::StepFunctions::StateMachine",
        "Custom::*",
    ),
    check=_check,
)
