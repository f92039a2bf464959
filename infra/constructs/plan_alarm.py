"""The alarm on tenants that no usage plan is for."""

from constructs import Construct

from falaj.contract import METRIC_UNPLANNED_TENANTS
from infra.constructs.alarm_at_once import Counted, alarm_at_once

PERIOD_S = 300


class PlanAlarm(Construct):
    """Tells people of a tenant that calls and is not named among those with limits.

    All such tenants share one usage plan's key: each can take what the others are due.
    """

    def __init__(self, scope: Construct, id_: str, *, topic_arn: str) -> None:
        """Make the alarm.

        Args:
            scope: Where it belongs.
            id_: Its id there.
            topic_arn: Who is told.
        """
        super().__init__(scope, id_)
        alarm_at_once(
            self,
            "Resource",
            counted=Counted(metric=METRIC_UNPLANNED_TENANTS, period_s=PERIOD_S),
            says="A tenant without a usage plan of its own calls, and shares "
            "one bucket with every other such tenant. Search the authorizer's log for "
            '"without a usage plan", and name the tenant in the file of falaj:tenants',
            topic_arn=topic_arn,
        )
