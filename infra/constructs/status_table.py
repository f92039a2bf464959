"""Where rollouts and experiments stand: one item for each."""

from aws_cdk import aws_dynamodb as dynamodb
from constructs import Construct

from falaj.contract import TABLE_KEY
from infra.config.profile import ProfileSettings
from infra.constructs.keeping import keep


class StatusTable(Construct):
    """A table on demand, restorable to any second of 35 days, kept when its stack goes.

    Attributes:
        table: The table.

    Source:
        docs.aws.amazon.com/amazondynamodb/latest/developerguide/Point-in-time-recovery.html.
    """

    def __init__(
        self,
        scope: Construct,
        id_: str,
        *,
        key_arn: str,
        settings: ProfileSettings,
        expiry: str = "",
    ) -> None:
        """Make the table.

        Args:
            scope: Where it belongs.
            id_: Its id there.
            key_arn: The customer's key.
            settings: Whether it refuses to be deleted.
            expiry: Attribute that says when an item may be forgotten; empty keeps all of them.
        """
        super().__init__(scope, id_)
        key = dynamodb.CfnTable.KeySchemaProperty
        attribute = dynamodb.CfnTable.AttributeDefinitionProperty
        self.table = dynamodb.CfnTable(
            self,
            "Resource",
            key_schema=[key(attribute_name=TABLE_KEY, key_type="HASH")],
            attribute_definitions=[attribute(attribute_name=TABLE_KEY, attribute_type="S")],
            billing_mode="PAY_PER_REQUEST",
            deletion_protection_enabled=settings.protect_stacks,
            point_in_time_recovery_specification=(
                dynamodb.CfnTable.PointInTimeRecoverySpecificationProperty(
                    point_in_time_recovery_enabled=True
                )
            ),
            sse_specification=dynamodb.CfnTable.SSESpecificationProperty(
                sse_enabled=True, sse_type="KMS", kms_master_key_id=key_arn
            ),
        )
        if expiry:
            self.table.time_to_live_specification = (
                dynamodb.CfnTable.TimeToLiveSpecificationProperty(
                    attribute_name=expiry, enabled=True
                )
            )
        keep(self.table)
