"""What a release needs to copy what it answers, and to be copied to."""

from aws_cdk import aws_iam as iam, aws_lambda as lambda_, aws_ssm as ssm
from constructs import Construct

from falaj.contract import shadow_parameter
from falaj.domain.shadow import NO_SHADOW
from infra.constructs.function_role import allow, sub
from infra.constructs.inference_function import InferenceFunction

LONGEST_WAIT_S = 60
"""A copy that could not be answered for so long says nothing of the present; 60 is Lambda's least.

Source: docs.aws.amazon.com/lambda/latest/api/API_FunctionEventInvokeConfig.html
(MaximumEventAgeInSeconds 60 to 21600, MaximumRetryAttempts 0 to 2), read 2026-11-22.
"""


class Shadow(Construct):
    """The order that the rollout controller writes, the rights to heed it, and no second try.

    A copy that fails is evidence, so it is not tried again; and it is kept nowhere, for it holds a
    caller's data.
    """

    def __init__(
        self, scope: Construct, id_: str, *, model: str, predict: InferenceFunction
    ) -> None:
        """Make them.

        Args:
            scope: The model's stack.
            id_: Its id there.
            model: The model's name.
            predict: Its function.
        """
        super().__init__(scope, id_)
        order = ssm.CfnParameter(
            self,
            "Order",
            type="String",
            name=shadow_parameter(model),
            description="Where copies of requests go; made once, then the rollout controller's",
            value=NO_SHADOW,
        )
        parameter = sub(
            "arn:${AWS::Partition}:ssm:${AWS::Region}:${AWS::AccountId}:parameter${Name}",
            Name=order.ref,
        )
        versions = sub("${Function}:*", Function=predict.function.attr_arn)
        # Apart from the role's own policy: the role is made before the function that it names.
        iam.CfnPolicy(
            self,
            "Rights",
            policy_name="Shadow",
            roles=[predict.role.ref],
            policy_document={
                "Version": "2012-10-17",
                "Statement": [
                    allow("ReadOwnOrder", ["ssm:GetParameter"], [parameter]),
                    allow("CopyToOwnVersions", ["lambda:InvokeFunction"], [versions]),
                ],
            },
        )
        lambda_.CfnEventInvokeConfig(
            self,
            f"Copies{predict.release_digest}",
            function_name=predict.function_name,
            qualifier=predict.version_number,
            maximum_event_age_in_seconds=LONGEST_WAIT_S,
            maximum_retry_attempts=0,
        )
