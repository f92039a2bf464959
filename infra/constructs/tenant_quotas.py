"""Where tenants' requests are counted, and what each tenant may ask for."""

import json

from aws_cdk import Fn, aws_ssm as ssm
from constructs import Construct

from falaj.contract import (
    EXPIRY_ATTRIBUTE,
    QUOTA_TABLE_PARAMETER,
    QUOTAS_PARAMETER,
    SHED_AUTO,
    SHED_PARAMETER,
)
from infra.config.profile import ProfileSettings
from infra.config.tenants import Tenants
from infra.constructs.status_table import StatusTable


class TenantQuotas(Construct):
    """A table of buckets, and the parameter that functions read limits from.

    Another limit is another value of the parameter: no function changes, and no release.
    """

    def __init__(
        self,
        scope: Construct,
        id_: str,
        *,
        tenants: Tenants,
        key_arn: str,
        settings: ProfileSettings,
    ) -> None:
        """Make them.

        Args:
            scope: Where they belong.
            id_: Their id there.
            tenants: What each may ask for.
            key_arn: The customer's key.
            settings: Whether the table refuses to be deleted.
        """
        super().__init__(scope, id_)
        table = StatusTable(
            self, "Counts", key_arn=key_arn, settings=settings, expiry=EXPIRY_ATTRIBUTE
        ).table
        limits = json.dumps(tenants.to_dict(), separators=(",", ":"))
        ssm.CfnParameter(
            self,
            "Limits",
            type="String",
            name=QUOTAS_PARAMETER,
            description="Each tenant's rate, burst and concurrency; read again every minute",
            value=Fn.sub(f'{{"table":"${{Table}}","limits":{limits}}}', {"Table": table.ref}),
        )
        # Written once: an operator's word is never undone by a deployment.
        ssm.CfnParameter(
            self,
            "Shed",
            type="String",
            name=SHED_PARAMETER,
            description="The last priority admitted, or auto; `falaj shed` writes it",
            value=SHED_AUTO,
        )
        ssm.CfnParameter(
            self,
            "Table",
            type="String",
            name=QUOTA_TABLE_PARAMETER,
            value=table.attr_arn,
        )
