"""A role that is bounded to the region, with one policy of its own."""

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

from aws_cdk import Token, aws_iam as iam
from constructs import Construct

from infra.constructs.region_boundary import BOUNDARY_ARN


def trust(service: str) -> dict[str, Any]:
    """Write the policy by which a service may take a role."""
    return {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Effect": "Allow",
                "Principal": {"Service": service},
                "Action": "sts:AssumeRole",
            }
        ],
    }


def bounded_role(
    scope: Construct,
    id_: str,
    *,
    trusted: Mapping[str, Any],
    statements: Sequence[dict[str, Any]],
    policy: str = "Own",
) -> iam.CfnRole:
    """Make a role.

    Args:
        scope: Where it belongs.
        id_: Its id there.
        trusted: Who may take it, a policy document as `trust` writes it.
        statements: What it may do, made by `allow`.
        policy: The policy's name.
    """
    return iam.CfnRole(
        scope,
        id_,
        assume_role_policy_document=trusted,
        permissions_boundary=_boundary(),
        policies=[
            iam.CfnRole.PolicyProperty(
                policy_name=policy,
                policy_document={"Version": "2012-10-17", "Statement": list(statements)},
            )
        ],
    )


@cache
def _boundary() -> str:
    """Return the boundary as text, one token for all roles."""
    return Token.as_string(BOUNDARY_ARN)
