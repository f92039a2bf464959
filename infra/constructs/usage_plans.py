"""Each tenant's rate and burst before a REST API; its API key counts, and opens nothing.

Source:
    docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-api-usage-plans.html ("don't
    use API keys for authentication or authorization"; throttling is per key) and
    …/api-gateway-api-key-source.html (AUTHORIZER: `usageIdentifierKey`), read 2026-11-22.
"""

from collections.abc import Mapping

from aws_cdk import aws_apigateway as rest
from constructs import Construct

from falaj.domain.quota import ALL_OTHERS, Limits
from infra.config.tenants import Tenants


class UsagePlans(Construct):
    """A plan for each pair of rate and burst, and a key for each tenant."""

    def __init__(
        self,
        scope: Construct,
        id_: str,
        *,
        stage: rest.CfnStage,
        tenants: Tenants,
        keys: Mapping[str, str],
    ) -> None:
        """Make the plans.

        Args:
            scope: Where they belong.
            id_: Their id there.
            stage: What they count the requests of.
            tenants: What each may ask for.
            keys: By which the authorizer names each tenant, `*` for all others.
        """
        super().__init__(scope, id_)
        limits = {ALL_OTHERS: tenants.default, **tenants.named}
        plans: dict[tuple[float, int], rest.CfnUsagePlan] = {}
        for number, (tenant, key) in enumerate(sorted(keys.items())):
            allowed = limits[tenant]
            pair = (allowed.rate_per_s, allowed.burst)
            if pair not in plans:
                plans[pair] = self._plan(len(plans), stage, allowed)
            made = rest.CfnApiKey(
                self,
                f"Key{number}",
                enabled=True,
                value=key,
                description=_told(tenant),
            )
            rest.CfnUsagePlanKey(
                self,
                f"Counts{number}",
                key_id=made.ref,
                key_type="API_KEY",
                usage_plan_id=plans[pair].ref,
            )

    def _plan(self, number: int, stage: rest.CfnStage, limits: Limits) -> rest.CfnUsagePlan:
        plan = rest.CfnUsagePlan(
            self,
            f"Plan{number}",
            description=f"{limits.rate_per_s:g} requests a second, {limits.burst} at once",
            api_stages=[
                rest.CfnUsagePlan.ApiStageProperty(api_id=stage.rest_api_id, stage=stage.stage_name)
            ],
            throttle=rest.CfnUsagePlan.ThrottleSettingsProperty(
                rate_limit=limits.rate_per_s, burst_limit=limits.burst
            ),
        )
        plan.add_resource_dependency(stage)
        return plan


def _told(tenant: str) -> str:
    who = "every tenant without limits of its own" if tenant == ALL_OTHERS else f"tenant {tenant}"
    return f"Counts {who}; no credential"
