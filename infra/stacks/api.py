"""The API: every model's two routes, and the platform function behind all others."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from aws_cdk import CfnOutput, Stack, aws_apigateway as apigateway, aws_lambda as lambda_
from constructs import Construct

from catalogue.spec import ModelSpec
from falaj.contract import (
    ACCESS_FILE,
    ENV_ACCESS,
    ENV_CATALOGUE,
    ENV_PROFILE,
    INTAKE_ARN_PARAMETER,
    alias_arn_parameter,
    gpu_parameter,
    gpu_service_parameter,
    key_arn_parameter,
)
from infra.access import model_access, quota_keys
from infra.config.deployment import Access, Dashboards, Deployment
from infra.config.profile import ApiKind
from infra.config.tenants import Tenants
from infra.constructs.analyst_access import AnalystAccess
from infra.constructs.api_access import ApiAccess, Authorizer
from infra.constructs.api_domain import ApiDomain
from infra.constructs.api_routes import Backend, PrivateBackend, Waiting
from infra.constructs.asynchronous_intake import INTAKE_SIZE
from infra.constructs.dashboard import add_dashboard
from infra.constructs.feedback_access import FeedbackAccess
from infra.constructs.function_role import FunctionAccess, allow
from infra.constructs.inference_api import API_NAME, InferenceApi
from infra.constructs.issuer_keys import keys_parameter
from infra.constructs.quota_access import QuotaAccess
from infra.constructs.replica_records import ReplicaRecords
from infra.constructs.service_function import FunctionCode, FunctionSize, ServiceFunction
from infra.constructs.shared_layer import ssm_value
from infra.constructs.token_authorizer import TokenAuthorizer
from infra.constructs.usage_plans import UsagePlans
from infra.constructs.web_acl import WebAcl
from infra.dashboards.platform import Overview, platform_board
from infra.packaging import CATALOGUE_FILE
from infra.stacks.gpu_model import has_breaker
from infra.stacks.naming import DATA_KEY, leave_bootstrap_check_to_cli, stack_properties

PLATFORM_SIZE: Final = FunctionSize(memory_mib=512, timeout_s=29)


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiParts:
    """What the API is made of.

    Attributes:
        platform: The platform function, the published catalogue in it.
        authorizer: The function that checks tokens before a REST API.
        keys: The token issuer's public keys, for the authorizer and for replicas.
        tenants: What each tenant may ask for.
        trust_store: Authorities whose client certificates are let in.
        with_feedback: Names of the models that take feedback.
        asynchronous: Names of the models that may be asked now and answer later.
    """

    platform: FunctionCode
    authorizer: FunctionCode | None = None
    keys: str = ""
    tenants: Tenants | None = None
    trust_store: Path | None = None
    with_feedback: tuple[str, ...] = ()
    asynchronous: tuple[str, ...] = ()


class ApiStack(Stack):
    """Deployed last: it finds every model's alias through SSM."""

    def __init__(
        self,
        scope: Construct,
        id_: str,
        *,
        deployment: Deployment,
        models: Sequence[ModelSpec],
        parts: ApiParts,
    ) -> None:
        """Make the stack.

        Args:
            scope: The application.
            id_: The stack's name.
            deployment: Profile, platform and place.
            models: What the API offers.
            parts: What it is made of.
        """
        super().__init__(scope, id_, **stack_properties(deployment, "API"))
        leave_bootstrap_check_to_cli(self)
        self._shared: dict[str, str] = {}
        key_arn = (
            ssm_value(self, "DataKeyArn", key_arn_parameter(DATA_KEY))
            if deployment.settings.logs_use_customer_key
            else None
        )
        platform = self._platform(deployment, parts, key_arn)
        keys = quota_keys(deployment, parts.tenants)
        api = InferenceApi(
            self,
            "Api",
            models={spec.name: self._backend(spec, deployment) for spec in models},
            platform=Backend(arn=platform.attr_arn, timeout_s=PLATFORM_SIZE.timeout_s),
            with_feedback=parts.with_feedback,
            waiting=self._waiting(parts.asynchronous),
            access=ApiAccess(
                kind=deployment.settings.api,
                mode=deployment.access,
                tokens=deployment.tokens,
                models={spec.name: model_access(spec) for spec in models},
                authorizer=self._authorizer(deployment, parts, key_arn),
                has_quotas=bool(keys),
            ),
            deployment=deployment,
            key_arn=key_arn,
        )
        if api.stage is not None:
            self._guard(api.stage, deployment, parts, key_arn)
            if parts.tenants is not None and keys:
                UsagePlans(self, "Plans", stage=api.stage, tenants=parts.tenants, keys=keys)
        if deployment.dashboards is not Dashboards.NONE:
            overview = Overview(
                api_id=api.http_id,
                api_name=API_NAME,
                has_tenants=bool(deployment.tenants),
                has_audit=deployment.settings.audit_trail,
                docs_url=deployment.docs_url,
            )
            add_dashboard(self, platform_board(overview))
        CfnOutput(self, "ApiUrl", value=api.url, description="Where the models answer")

    def _guard(
        self,
        stage: apigateway.CfnStage,
        deployment: Deployment,
        parts: ApiParts,
        key_arn: str | None,
    ) -> None:
        WebAcl(self, "Acl", stage=stage, settings=deployment.settings, key_arn=key_arn)
        if deployment.api_name.domain:
            ApiDomain(
                self,
                "Domain",
                name=deployment.api_name,
                stage=stage,
                trust_store=parts.trust_store,
            )

    def _authorizer(
        self, deployment: Deployment, parts: ApiParts, key_arn: str | None
    ) -> Authorizer | None:
        if parts.authorizer is None:
            if parts.keys:
                keys_parameter(self, "IssuerKeys", parts.keys)
            return None
        return TokenAuthorizer(
            self,
            "Authorizer",
            code=parts.authorizer,
            keys=parts.keys,
            deployment=deployment,
            key_arn=key_arn,
        ).reference

    def _waiting(self, models: tuple[str, ...]) -> Waiting | None:
        if not models:
            return None
        arn = ssm_value(self, "IntakeArn", INTAKE_ARN_PARAMETER)
        return Waiting(intake=Backend(arn=arn, timeout_s=INTAKE_SIZE.timeout_s), models=models)

    def _backend(self, spec: ModelSpec, deployment: Deployment) -> Backend | PrivateBackend:
        timeout_s = spec.compute.timeout_s
        if not spec.compute.is_service:
            alias = ssm_value(self, _alias_id(spec.name), alias_arn_parameter(spec.name))
            return Backend(arn=alias, timeout_s=timeout_s)
        if has_breaker(spec):
            parameter = gpu_service_parameter(spec.name, "breaker")
            arn = ssm_value(self, f"Breaker{_alias_id(spec.name)}", parameter)
            return Backend(arn=arn, timeout_s=timeout_s)
        is_http = deployment.settings.api is ApiKind.HTTP
        return PrivateBackend(
            link=self._of_gpu("link"),
            target=self._of_gpu("api-listener" if is_http else "balancer-arn"),
            server_name=deployment.gpu.domain,
            timeout_s=timeout_s,
        )

    def _of_gpu(self, name: str) -> str:
        """Return something that all GPU services share; a stack asks for each value once."""
        if name not in self._shared:
            id_ = "".join(word.capitalize() for word in name.split("-"))
            self._shared[name] = ssm_value(self, f"Shared{id_}", gpu_parameter(name))
        return self._shared[name]

    def _platform(
        self, deployment: Deployment, parts: ApiParts, key_arn: str | None
    ) -> lambda_.CfnFunction:
        use_key = [allow("DecryptOwnSettings", ["kms:Decrypt"], [key_arn])] if key_arn else []
        feedback = FeedbackAccess.of(self, key_arn) if parts.with_feedback else FeedbackAccess()
        analyst = AnalystAccess.of(self) if parts.with_feedback else AnalystAccess()
        quotas = QuotaAccess.of(self, deployment)
        records = ReplicaRecords.of(self, deployment)
        function = ServiceFunction(
            self,
            "Platform",
            code=parts.platform,
            size=PLATFORM_SIZE,
            environment={
                ENV_PROFILE: deployment.profile.value,
                ENV_CATALOGUE: CATALOGUE_FILE,
                **({} if deployment.access is Access.OPEN else {ENV_ACCESS: ACCESS_FILE}),
                **feedback.environment,
                **analyst.environment,
                **quotas.environment,
                **records.environment,
            },
            description="Catalogue, health, OpenAPI document",
            deployment=deployment,
            access=FunctionAccess(
                key_arn=key_arn,
                statements=(
                    *use_key,
                    *feedback.rights,
                    *analyst.rights,
                    *quotas.rights,
                    *records.rights,
                ),
            ),
        )
        records.feed_refusals(self, function.log_group)
        return function.function


def _alias_id(model: str) -> str:
    """Spell a model's name (a-z, 0-9, -) as a template parameter may be spelt, told apart."""
    return f"Alias{model.replace('-', 'Dash')}"
