"""The load shedder: it lets the last priorities wait where a model is short of room."""

from typing import Any, Final

from aws_cdk import aws_sqs as sqs
from constructs import Construct

from falaj.contract import (
    CAPACITY_ALARM_PREFIX,
    ENV_PROFILE,
    METRIC_SHED,
    SHED_LEVELS_ROOT,
)
from infra.config.deployment import Deployment
from infra.constructs.alarm_at_once import Counted, alarm_at_once
from infra.constructs.dead_letters import keep_failed_events
from infra.constructs.event_rules import EventRules, Rules
from infra.constructs.function_role import FunctionAccess, allow, sub
from infra.constructs.service_function import FunctionCode, FunctionSize, ServiceFunction

SHEDDER_CONCURRENCY: Final = 2
"""Reserved: a tick and an alarm at once. It must find room when nobody else does."""
SIZE: Final = FunctionSize(memory_mib=256, timeout_s=30, reserved_concurrency=SHEDDER_CONCURRENCY)
EVENT_AGE_S: Final = 120
"""After two minutes two ticks have looked; an older event has nothing to tell."""
_HERE: Final = "${AWS::Region}:${AWS::AccountId}"

RULES: Final[Rules] = {
    "Alarms": (
        "A model is short of capacity, or no longer so",
        {
            "event_pattern": {
                "source": ["aws.cloudwatch"],
                "detail-type": ["CloudWatch Alarm State Change"],
                "detail": {"alarmName": [{"prefix": CAPACITY_ALARM_PREFIX}]},
            }
        },
    ),
    "Tick": (
        "A minute has passed: whoever waits may be let in again, whatever event was lost",
        {"schedule_expression": "rate(1 minute)"},
    ),
}
"""What wakes it."""


class LoadShedder(Construct):
    """A function, what wakes it, and the alarm by which people learn that somebody waits.

    Attributes:
        function: The function.
    """

    def __init__(
        self,
        scope: Construct,
        id_: str,
        *,
        code: FunctionCode,
        deployment: Deployment,
        key_arn: str,
        dead_letters: sqs.CfnQueue,
        topic_arn: str,
    ) -> None:
        """Make them.

        Args:
            scope: Where they belong.
            id_: Their id there.
            code: Its handler; boto3 comes with Lambda's own Python.
            deployment: Profile, platform and Python.
            key_arn: The customer's key.
            dead_letters: Where events go that it failed on.
            topic_arn: Who is told.
        """
        super().__init__(scope, id_)
        self.function = ServiceFunction(
            self,
            "Function",
            code=code,
            size=SIZE,
            environment={ENV_PROFILE: deployment.profile.value},
            description="Load shedder: last priorities wait where a model is short of room",
            deployment=deployment,
            access=FunctionAccess(
                key_arn=key_arn if deployment.settings.logs_use_customer_key else None,
                statements=_rights(key_arn, dead_letters.attr_arn),
            ),
        ).function
        keep_failed_events(self, function=self.function, queue=dead_letters, age_s=EVENT_AGE_S)
        EventRules(self, "Wake", function=self.function, rules=RULES, target="Shedder")
        self._tell_people(topic_arn)

    def _tell_people(self, topic_arn: str) -> None:
        alarm_at_once(
            self,
            "Waiting",
            counted=Counted(metric=METRIC_SHED, statistic="Maximum"),
            says="A model is short of capacity, and tenants of the last "
            "priorities wait with 429. The load shedder's log says which and how far; zones "
            "may be lost, or reserved concurrency too small. `falaj shed` overrules it",
            topic_arn=topic_arn,
        )


def _rights(key_arn: str, queue_arn: str) -> tuple[dict[str, Any], ...]:
    levels = f"arn:${{AWS::Partition}}:ssm:{_HERE}:parameter{SHED_LEVELS_ROOT}"
    return (
        # GetMetricData takes no resource; DescribeAlarms by a prefix of names asks for all alarms.
        allow("ReadMetrics", ["cloudwatch:GetMetricData"], ["*"]),
        allow(
            "ReadAlarms",
            ["cloudwatch:DescribeAlarms"],
            [sub(f"arn:${{AWS::Partition}}:cloudwatch:{_HERE}:alarm:*")],
        ),
        allow("ReadLevels", ["ssm:GetParametersByPath"], [sub(levels), sub(f"{levels}/*")]),
        allow("WriteLevels", ["ssm:PutParameter"], [sub(f"{levels}/*")]),
        allow("KeepDeadLetters", ["sqs:SendMessage"], [queue_arn]),
        allow("UseDataKey", ["kms:Decrypt", "kms:GenerateDataKey"], [key_arn]),
    )
