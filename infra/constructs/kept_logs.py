"""A log group that exists before anyone writes, with an end and, where asked, a key."""

from aws_cdk import aws_logs as logs
from constructs import Construct

from infra.config.profile import ProfileSettings
from infra.constructs.keeping import keep


class KeptLogs(Construct):
    """A log group, kept when its stack goes.

    Attributes:
        group: The log group.
    """

    def __init__(
        self,
        scope: Construct,
        id_: str,
        *,
        settings: ProfileSettings,
        key_arn: str | None,
    ) -> None:
        """Make the log group.

        Args:
            scope: Where it belongs.
            id_: Its id there.
            settings: The profile's retention.
            key_arn: The customer's key; None leaves the logs under CloudWatch's own.
        """
        super().__init__(scope, id_)
        self.group = logs.CfnLogGroup(
            self,
            "Resource",
            retention_in_days=settings.log_retention_days,
            kms_key_id=key_arn,
        )
        keep(self.group)
