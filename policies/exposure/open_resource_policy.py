"""No resource is open to anyone."""

from collections.abc import Iterator

from policies.application import Resource, View
from policies.rule import Rule
from policies.statements import RESOURCE, statements


def _check(resource: Resource, view: View) -> Iterator[str]:
    del view
    for statement in statements(resource, RESOURCE):
        if statement.is_allow and statement.is_open and not statement.conditions:
            yield (
                f"statement {statement.sid or statement.actions} allows anyone; name the principal"
            )
    if resource.properties.get("Principal") == "*":
        yield "Principal is *; name who may use it"


RULE = Rule(
    id="exposure.open-resource-policy",
    title="No resource policy lets everyone in",
    reason="A policy that allows any principal without a condition lets every AWS account in.",
    source=(
        "https://docs.aws.amazon.com/IAM/latest/UserGuide/"
        "reference_policies_elements_principal.html"
    ),
    controls=("PDPL-20", "ISO-5.15", "ISO-8.3", "IAR-T5"),
    types=(
        "AWS::S3::BucketPolicy",
        "AWS::SQS::QueuePolicy",
        "AWS::SNS::TopicPolicy",
        "AWS::KMS::Key",
        "AWS::SecretsManager::ResourcePolicy",
        "AWS::ECR::Repository",
        "AWS::Events::EventBusPolicy",
        "AWS::Backup::BackupVault",
        "AWS::DynamoDB::Table",
        "AWS::EFS::FileSystem",
        "AWS::Logs::ResourcePolicy",
        "AWS::Lambda::Permission",
        "AWS::Lambda::LayerVersionPermission",
    ),
    check=_check,
)
