"""A model function's lines about experiments, on their way to the recorder."""

from typing import Any, Final

from aws_cdk import Stack, aws_logs as logs
from constructs import Construct

from falaj.contract import EXPERIMENTS_PURPOSE, experiments_parameter, key_arn_parameter
from falaj.experiments.spec import ExperimentSpec, Unit
from infra.constructs.function_role import allow, sub
from infra.constructs.shared_layer import ssm_value

STICKY_LINES: Final = '{ ($.unit = "*") || ($.unassigned = "*") }'
"""Exposures, and requests that could not be assigned. Other lines lack both keys: null is no text.

Source: docs.aws.amazon.com/AmazonCloudWatch/latest/logs/FilterAndPatternSyntax.html.
"""
SPLIT_LINES: Final = '{ $.message = "infer" }'
"""Every inference: of a split, the release alone tells the arm, and stable's knows of nothing."""


class ExposureSubscription(Construct):
    """Sends a log group's lines about experiments to the recorder."""

    def __init__(
        self,
        scope: Construct,
        id_: str,
        *,
        log_group: str,
        recorder_arn: str,
        experiments: tuple[ExperimentSpec, ...],
    ) -> None:
        """Make the subscription filter.

        Args:
            scope: Where it belongs.
            id_: Its id there.
            log_group: Name of the model function's log group.
            recorder_arn: The recorder, which already lets CloudWatch Logs invoke it.
            experiments: What is declared of the model; at least one.
        """
        super().__init__(scope, id_)
        is_split = any(spec.unit is Unit.REQUEST for spec in experiments)
        logs.CfnSubscriptionFilter(
            self,
            "Resource",
            log_group_name=log_group,
            destination_arn=recorder_arn,
            filter_pattern=SPLIT_LINES if is_split else STICKY_LINES,
        )


def assignment_rights(scope: Stack, model: str) -> tuple[dict[str, Any], ...]:
    """Return what a model's function may do to assign subjects."""
    key_arn = ssm_value(scope, "PseudonymKeyArn", key_arn_parameter(EXPERIMENTS_PURPOSE))
    parameter = (
        "arn:${AWS::Partition}:ssm:${AWS::Region}:${AWS::AccountId}:parameter"
        f"{experiments_parameter(model)}"
    )
    return (
        allow("ReadRunningExperiments", ["ssm:GetParameter"], [sub(parameter)]),
        allow("DerivePseudonymKey", ["kms:GenerateMac"], [key_arn]),
    )
