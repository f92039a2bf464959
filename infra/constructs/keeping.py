"""What outlives the stack that made it."""

from aws_cdk import CfnResource, RemovalPolicy


def keep(*resources: CfnResource) -> None:
    """Let resources stay in the account when their template lets go of them.

    Except what a failed deployment had just created. A published version left behind by a rollback
    would equal the one that the next attempt publishes, which Lambda refuses ("A version for this
    Lambda function exists"), and every further attempt would fail.

    Source: docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/
    aws-attribute-deletionpolicy.html (RetainExceptOnCreate); aws-cdk issue 14428.
    """
    for resource in resources:
        resource.apply_removal_policy(RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE)
