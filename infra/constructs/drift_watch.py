"""The drift watch: fed with models' counts, woken to look at them, and heard when they differ."""

from typing import Any, Final

from aws_cdk import aws_lambda as lambda_, aws_logs as logs, aws_sqs as sqs
from constructs import Construct

from falaj.contract import (
    DIMENSION_MODEL,
    DRIFT_MESSAGE,
    DRIFT_RECORDER_PARAMETER,
    ENV_DRIFT_BUCKET,
    METRIC_DRIFTED_FEATURES,
    REPORTS_PREFIX,
)
from infra.config.deployment import Deployment
from infra.constructs.alarm_at_once import Counted, alarm_at_once
from infra.constructs.event_rules import EventRules, Rules
from infra.constructs.function_role import FunctionAccess, allow, sub
from infra.constructs.log_recorder import LogRecorder
from infra.constructs.service_function import FunctionCode

MEMORY_MIB: Final = 512
TIMEOUT_S: Final = 300
EVERY_S: Final = 300
COUNT_LINES: Final = f'{{ $.message = "{DRIFT_MESSAGE}" }}'
COUNTS: Final = "counts/"
RULES: Final[Rules] = {
    "Look": (
        "Five minutes have passed: every window that has ended is looked at",
        {"schedule_expression": "rate(5 minutes)"},
    ),
}


class DriftWatch(Construct):
    """A function that keeps counts and judges windows; it may touch no alias and no rollout.

    Attributes:
        function: The function.
        dead_letters: The queue of events that it failed on three times.
    """

    function: lambda_.CfnFunction
    dead_letters: sqs.CfnQueue

    def __init__(
        self,
        scope: Construct,
        id_: str,
        *,
        code: FunctionCode,
        bucket_name: str,
        bucket_arn: str,
        data_key_arn: str,
        deployment: Deployment,
    ) -> None:
        """Make the function with all that belongs to it.

        Args:
            scope: Where it belongs.
            id_: Its id there.
            code: Its handler with every reference; boto3 comes with Lambda's own Python.
            bucket_name: The bucket of counts and reports.
            bucket_arn: Its ARN.
            data_key_arn: The customer's key.
            deployment: Profile, platform and Python.
        """
        super().__init__(scope, id_)
        made = LogRecorder.under(
            self,
            code=code,
            environment={ENV_DRIFT_BUCKET: bucket_name},
            description="Drift watch: keeps counts, judges windows, tells people",
            deployment=deployment,
            access=FunctionAccess(key_arn=data_key_arn, statements=_rights(bucket_arn)),
            data_key_arn=data_key_arn,
            parameter=DRIFT_RECORDER_PARAMETER,
        )
        self.function, self.dead_letters = made.function, made.dead_letters
        # Other recorders only pass lines on; this one adds up a window of all environments.
        self.function.memory_size, self.function.timeout = MEMORY_MIB, TIMEOUT_S
        EventRules(self, "Wake", function=self.function, rules=RULES, target="Watch")


def _rights(bucket_arn: str) -> tuple[dict[str, Any], ...]:
    prefixes = [f"{COUNTS}*", f"{REPORTS_PREFIX}*"]
    objects = [sub(f"${{Bucket}}/{prefix}", Bucket=bucket_arn) for prefix in prefixes]
    bus = "arn:${AWS::Partition}:events:${AWS::Region}:${AWS::AccountId}:event-bus/default"
    return (
        allow("KeepCounts", ["s3:GetObject", "s3:PutObject"], objects),
        {
            # Without it S3 answers 403 instead of 404 for what is not written yet.
            **allow("FindCounts", ["s3:ListBucket"], [bucket_arn]),
            "Condition": {"StringLike": {"s3:prefix": prefixes}},
        },
        allow("TellMachines", ["events:PutEvents"], [sub(bus)]),
    )


def alarm_on_drift(scope: Construct, *, model: str, topic_arn: str) -> None:
    """Tell people that a model has drifted; nothing is rolled back by it.

    Args:
        scope: Where the alarm belongs.
        model: The model.
        topic_arn: Who is told.
    """
    alarm_at_once(
        scope,
        f"Drift-{model}",
        counted=Counted(
            metric=METRIC_DRIFTED_FEATURES,
            statistic="Maximum",
            period_s=2 * EVERY_S,
            dimension=(DIMENSION_MODEL, model),
        ),
        says=f"What {model} is asked or answers is no longer what it was registered with, in two "
        f"of three windows. `falaj drift report {model}` shows which features, beside the "
        "reference; retrain it, or mend who asks. Nothing was rolled back",
        topic_arn=topic_arn,
    )


class DriftSubscription(Construct):
    """Sends a model function's lines of counts to the watch."""

    def __init__(self, scope: Construct, id_: str, *, log_group: str, watch_arn: str) -> None:
        """Make the subscription filter.

        Args:
            scope: Where it belongs.
            id_: Its id there.
            log_group: Name of the function's log group.
            watch_arn: The watch, which already lets CloudWatch Logs invoke it.
        """
        super().__init__(scope, id_)
        logs.CfnSubscriptionFilter(
            self,
            "Resource",
            log_group_name=log_group,
            destination_arn=watch_arn,
            filter_pattern=COUNT_LINES,
        )
