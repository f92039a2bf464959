"""What outlives the stack that made it."""

from aws_cdk import CfnResource, RemovalPolicy


def keep(*resources: CfnResource) -> None:
    """Let resources stay in the account when their template lets go of them."""
    for resource in resources:
        resource.apply_removal_policy(RemovalPolicy.RETAIN)
