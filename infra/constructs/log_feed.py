"""What lets CloudWatch Logs feed a function with the lines of model functions."""

from typing import Final

from aws_cdk import Fn, aws_lambda as lambda_, aws_ssm as ssm
from constructs import Construct

MODEL_GROUPS: Final = "Falaj*Model-*"
"""Log groups of the models' stacks and of their GPU services', as CloudFormation names them."""


def take_model_logs(scope: Construct, *, function: lambda_.CfnFunction, parameter: str) -> None:
    """Let the models' log groups invoke a function, and tell their stacks where it is.

    Args:
        scope: Where permission and parameter belong.
        function: What is fed.
        parameter: SSM parameter for its ARN.
    """
    groups = f"log-group:{MODEL_GROUPS}:*"
    permission = lambda_.CfnPermission(
        scope,
        "LogsMayInvoke",
        action="lambda:InvokeFunction",
        function_name=function.attr_arn,
        principal="logs.amazonaws.com",
        source_account=Fn.sub("${AWS::AccountId}"),
        source_arn=Fn.sub(
            f"arn:${{AWS::Partition}}:logs:${{AWS::Region}}:${{AWS::AccountId}}:{groups}"
        ),
    )
    found = ssm.CfnParameter(scope, "Arn", type="String", name=parameter, value=function.attr_arn)
    # Whoever finds the function subscribes to it at once, and CloudWatch Logs tries it then.
    found.add_resource_dependency(permission)
