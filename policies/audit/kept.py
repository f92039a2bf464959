"""What holds evidence outlives its stack."""

from collections.abc import Iterator

from policies.application import Resource, View
from policies.rule import Rule


def _check(resource: Resource, view: View) -> Iterator[str]:
    del view
    if not resource.deletion_policy.startswith("Retain"):
        yield f"its DeletionPolicy is {resource.deletion_policy}; write Retain"


RULE = Rule(
    id="audit.kept",
    title="Stateful resources are retained",
    reason="Deleting a stack must not delete the records, or the key that opens them.",
    source=(
        "https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/"
        "aws-attribute-deletionpolicy.html"
    ),
    controls=("ISO-8.13", "IAR-T3", "HEALTH-20", "CBUAE-6.1"),
    types=("AWS::S3::Bucket", "AWS::KMS::Key", "AWS::DynamoDB::Table", "AWS::Logs::LogGroup"),
    check=_check,
)
