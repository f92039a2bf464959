"""What nobody has looked at is not passed over."""

from collections.abc import Iterator
from typing import Final

from policies.application import Resource, View
from policies.region import offered_types
from policies.rule import ALL, Rule

_SERVICES: Final = """
    AccessAnalyzer ApiGateway ApiGatewayV2 AppConfig AppSync ApplicationAutoScaling Athena
    AutoScaling Backup Batch Bedrock CDK CertificateManager CloudFormation CloudTrail
    CloudWatch CodeDeploy Cognito Config DLM DocDB DynamoDB EC2 ECR ECS EFS ElastiCache
    ElasticLoadBalancing ElasticLoadBalancingV2 Events GuardDuty IAM InspectorV2 KMS Kinesis
    KinesisFirehose Lambda Logs Neptune OpenSearchService RDS Redshift RedshiftServerless
    ResourceGroups Route53 S3 S3Tables SNS SQS SSM Scheduler SecretsManager ServiceDiscovery
    StepFunctions WAFv2 XRay
"""
REVIEWED: Final = tuple(f"AWS::{service}::" for service in _SERVICES.split())
"""Services whose properties that name a region, an account, an address or a copy were read one by
one in the region's schemas (cfn-lint's), 2026-11-22, and have rules here."""


def _check(resource: Resource, view: View) -> Iterator[str]:
    del view
    # What is not offered, and custom resources, other rules refuse.
    if resource.type in offered_types() and not resource.type.startswith(REVIEWED):
        yield (
            f"nobody has read how {resource.type} may carry data away; read its schema, write a "
            "rule for what you find, and add its service to REVIEWED"
        )


RULE = Rule(
    id="residency.unreviewed-type",
    title="Every type has been looked at for ways out",
    reason=(
        "The region offers hundreds of types; one whose properties nobody has read may replicate, "
        "send or share in a way that no rule knows."
    ),
    source="https://github.com/aws-cloudformation/cfn-lint/tree/main/src/cfnlint/data/schemas",
    controls=("PDPL-22", "HEALTH-13", "CBUAE-6.1", "ISO-5.23"),
    types=ALL,
    check=_check,
)
