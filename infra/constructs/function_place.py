"""Where a function runs: in the isolated network, if the profile has one.

Source:
    docs.aws.amazon.com/lambda/latest/dg/configuration-vpc.html: the execution role must be allowed
    to make network interfaces, on every resource, since none exists before; a statement that denies
    the same to the function's own code, by `lambda:SourceFunctionArn`, keeps it to Lambda itself;
    read 2026-11-22.
"""

from dataclasses import dataclass, field
from typing import Any, Final

from aws_cdk import CfnParameter, Stack, aws_lambda as lambda_

from falaj.contract import (
    ENV_DYNAMODB_ENDPOINT,
    NETWORK_CALLERS_PARAMETER,
    NETWORK_DYNAMODB_PARAMETER,
    NETWORK_SUBNETS_PARAMETER,
)
from infra.config.profile import ProfileSettings
from infra.constructs.function_role import allow, sub
from infra.constructs.shared_layer import ssm_value

INTERFACE_ACTIONS: Final = (
    "ec2:AssignPrivateIpAddresses",
    "ec2:CreateNetworkInterface",
    "ec2:DeleteNetworkInterface",
    "ec2:DescribeNetworkInterfaces",
    "ec2:DescribeSubnets",
    "ec2:UnassignPrivateIpAddresses",
)


def network_rights() -> tuple[dict[str, Any], ...]:
    """Let Lambda join a network in a function's name, and the function's code not do the same."""
    functions = "arn:${AWS::Partition}:lambda:${AWS::Region}:${AWS::AccountId}:function:*"
    return (
        allow("JoinNetwork", INTERFACE_ACTIONS, ["*"]),
        {
            "Sid": "NotFromCode",
            "Effect": "Deny",
            "Action": list(INTERFACE_ACTIONS),
            "Resource": "*",
            "Condition": {"ArnLike": {"lambda:SourceFunctionArn": sub(functions)}},
        },
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class FunctionPlace:
    """A function's network, and what it needs to be there.

    Attributes:
        vpc: Subnets and security group; None outside any network.
        environment: Addresses that differ inside; names that only AWS knows.
        statements: Rights of the function's role.
    """

    vpc: lambda_.CfnFunction.VpcConfigProperty | None = None
    environment: dict[str, str] = field(default_factory=dict)
    statements: tuple[dict[str, Any], ...] = ()

    @classmethod
    def of(cls, stack: Stack, settings: ProfileSettings) -> "FunctionPlace":
        """Return where functions of a stack run."""
        if not settings.isolated:
            return cls()
        return cls(
            vpc=lambda_.CfnFunction.VpcConfigProperty(
                subnet_ids=_subnets(stack),
                security_group_ids=[ssm_value(stack, "Callers", NETWORK_CALLERS_PARAMETER)],
            ),
            environment={
                ENV_DYNAMODB_ENDPOINT: ssm_value(stack, "DynamoDbUrl", NETWORK_DYNAMODB_PARAMETER)
            },
            statements=network_rights(),
        )


def _subnets(stack: Stack) -> list[str]:
    """Return the subnets through one template parameter, whoever asks."""
    known = stack.node.try_find_child("Subnets")
    if isinstance(known, CfnParameter):
        return known.value_as_list
    return CfnParameter(
        stack,
        "Subnets",
        type="AWS::SSM::Parameter::Value<List<String>>",
        default=NETWORK_SUBNETS_PARAMETER,
    ).value_as_list
