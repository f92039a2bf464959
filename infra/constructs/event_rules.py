"""What wakes a function: alarms, new releases, the clock."""

from collections.abc import Mapping
from typing import Any, Final

from aws_cdk import aws_events as events, aws_lambda as lambda_
from constructs import Construct

from falaj.contract import ALARM_PREFIX, MODELS_PARAMETER_ROOT

Rules = Mapping[str, tuple[str, dict[str, Any]]]
"""By id: what the rule says, and its pattern or schedule."""

CONTROLLER_RULES: Final[Rules] = {
    "Alarms": (
        "An alarm of a model or of the controller changed its state",
        {
            "event_pattern": {
                "source": ["aws.cloudwatch"],
                "detail-type": ["CloudWatch Alarm State Change"],
                "detail": {"alarmName": [{"prefix": ALARM_PREFIX}]},
            }
        },
    ),
    "Releases": (
        "A stack wrote the release it wants",
        {
            "event_pattern": {
                "source": ["aws.ssm"],
                "detail-type": ["Parameter Store Change"],
                "detail": {
                    "name": [{"prefix": f"{MODELS_PARAMETER_ROOT}/"}],
                    "operation": ["Create", "Update"],
                },
            }
        },
    ),
    "Tick": (
        "A minute has passed: every live rollout looks again, whatever event was lost",
        {"schedule_expression": "rate(1 minute)"},
    ),
}
"""What wakes the rollout controller.

Source:
    docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/cloudwatch-and-eventbridge.html;
    docs.aws.amazon.com/systems-manager/latest/userguide/sysman-paramstore-cwe.html (`detail.name`,
    `detail.operation` Create, Update, Delete or LabelParameterVersion; "on a best effort basis",
    which is why the controller does not rely on it), read 2026-11-22.
"""


class EventRules(Construct):
    """Rules that invoke one function, each with its own permission."""

    def __init__(
        self,
        scope: Construct,
        id_: str,
        *,
        function: lambda_.CfnFunction,
        rules: Rules,
        target: str,
    ) -> None:
        """Make the rules.

        Args:
            scope: Where they belong.
            id_: Their id there.
            function: Whom they wake.
            rules: When.
            target: What the rules call it.
        """
        super().__init__(scope, id_)
        for name, (description, when) in rules.items():
            rule = events.CfnRule(
                self,
                name,
                description=description,
                state="ENABLED",
                targets=[
                    events.CfnRule.TargetProperty(
                        id=target,
                        arn=function.attr_arn,
                        # An event that is an hour old tells nothing that the tick did not see.
                        retry_policy=events.CfnRule.RetryPolicyProperty(
                            maximum_event_age_in_seconds=3600
                        ),
                    )
                ],
                **when,
            )
            lambda_.CfnPermission(
                self,
                f"{name}MayInvoke",
                action="lambda:InvokeFunction",
                function_name=function.attr_arn,
                principal="events.amazonaws.com",
                source_arn=rule.attr_arn,
            )
