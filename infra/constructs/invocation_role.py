"""The one role with which the API invokes functions."""

from collections.abc import Sequence
from typing import Final

from aws_cdk import Token, aws_iam as iam
from constructs import Construct

from infra.constructs.bounded_role import trust
from infra.constructs.function_role import allow
from infra.constructs.region_boundary import BOUNDARY_ARN

ARNS_PER_POLICY: Final = 30
"""ARNs that fit one policy whatever the functions are called.

A managed policy holds 6,144 characters without white space; an alias ARN has at most 64 characters
of function name, 12 of account and 51 of the rest.

Source: docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html, read 2026-11-22.
"""


class InvocationRole(Construct):
    """May invoke exactly the functions it is given; one role instead of a permission for each.

    Attributes:
        role: The role.
    """

    def __init__(self, scope: Construct, id_: str, *, function_arns: Sequence[str]) -> None:
        """Make the role.

        Args:
            scope: Where it belongs.
            id_: Its id there.
            function_arns: Functions and aliases.
        """
        super().__init__(scope, id_)
        chunks = [
            function_arns[start : start + ARNS_PER_POLICY]
            for start in range(0, len(function_arns), ARNS_PER_POLICY)
        ]
        self.role = iam.CfnRole(
            self,
            "Resource",
            assume_role_policy_document=trust("apigateway.amazonaws.com"),
            permissions_boundary=Token.as_string(BOUNDARY_ARN),
            managed_policy_arns=[
                iam.CfnManagedPolicy(
                    self,
                    f"Invoke{number}",
                    policy_document={
                        "Version": "2012-10-17",
                        "Statement": [allow("Invoke", ["lambda:InvokeFunction"], chunk)],
                    },
                ).ref
                for number, chunk in enumerate(chunks, start=1)
            ],
        )
