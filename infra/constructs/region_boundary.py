"""The bound of every role: nothing in another region, and no rights to hand out."""

from typing import Any, Final

from aws_cdk import aws_iam as iam
from constructs import Construct

from falaj.contract import BOUNDARY_NAME, BOUNDARY_PATH, REGION
from infra.constructs.keeping import keep

BOUNDARY_ARN: Final[dict[str, Any]] = {
    "Fn::Sub": (
        f"arn:${{AWS::Partition}}:iam::${{AWS::AccountId}}:policy{BOUNDARY_PATH}{BOUNDARY_NAME}"
    )
}
"""How roles of every stack name it. Its name is fixed, as the SSM parameters' are, so that a role
needs no exchange between stacks; an account holds one deployment.
"""


class RegionBoundary(Construct):
    """The managed policy that bounds roles; a boundary gives no right by itself.

    Attributes:
        policy: The managed policy.
    """

    def __init__(self, scope: Construct, id_: str) -> None:
        """Make the policy."""
        super().__init__(scope, id_)
        self.policy = iam.CfnManagedPolicy(
            self,
            "Resource",
            managed_policy_name=BOUNDARY_NAME,
            path=BOUNDARY_PATH,
            description=f"Bounds every role of Falaj to {REGION}",
            policy_document={"Version": "2012-10-17", "Statement": [*STATEMENTS]},
        )
        # Roles that are kept, and those of stacks that are deleted later, still name it.
        keep(self.policy)


STATEMENTS: Final = (
    {"Sid": "WhatPoliciesAllow", "Effect": "Allow", "Action": "*", "Resource": "*"},
    {
        "Sid": "NothingElsewhere",
        "Effect": "Deny",
        "Action": "*",
        "Resource": "*",
        "Condition": {"StringNotEquals": {"aws:RequestedRegion": REGION}},
    },
    {
        "Sid": "NoRightsToHandOut",
        "Effect": "Deny",
        "Action": ["iam:*", "organizations:*", "account:*"],
        "Resource": "*",
    },
)
"""A boundary bounds what a role's own policies allow; a request is allowed if both allow it.

Global services (IAM, Route 53, CloudFront) answer in us-east-1 and are denied with all else
elsewhere: no function of ours calls them.

Source:
    docs.aws.amazon.com/IAM/latest/UserGuide/access_policies_boundaries.html and
    …/reference_policies_examples_aws_deny-requested-region.html, read 2026-11-22.
"""
