"""The API: every model's two routes, and the platform function behind all others."""

from collections.abc import Sequence
from typing import Final

from aws_cdk import CfnOutput, Stack, aws_lambda as lambda_
from constructs import Construct

from catalogue.spec import ModelSpec, Target
from falaj.contract import (
    ENV_CATALOGUE,
    ENV_PROFILE,
    alias_arn_parameter,
    gpu_parameter,
    gpu_service_parameter,
    key_arn_parameter,
)
from infra.bundling.functions import StagedCode
from infra.config.deployment import Deployment
from infra.constructs.api_routes import Backend, PrivateBackend
from infra.constructs.function_role import FunctionAccess, allow
from infra.constructs.inference_api import InferenceApi
from infra.constructs.service_function import FunctionCode, FunctionSize, ServiceFunction
from infra.constructs.shared_layer import LayerReference, ssm_value
from infra.packaging import CATALOGUE_FILE
from infra.stacks.gpu_model import has_breaker
from infra.stacks.naming import DATA_KEY, leave_bootstrap_check_to_cli, stack_properties

PLATFORM_SIZE: Final = FunctionSize(memory_mib=512, timeout_s=10)


class ApiStack(Stack):
    """Deployed last: it finds every model's alias through SSM."""

    def __init__(
        self,
        scope: Construct,
        id_: str,
        *,
        deployment: Deployment,
        models: Sequence[ModelSpec],
        code: StagedCode,
        layers: tuple[LayerReference, ...],
    ) -> None:
        """Make the stack.

        Args:
            scope: The application.
            id_: The stack's name.
            deployment: Profile, platform and place.
            models: What the API offers.
            code: The platform function's code, the published catalogue in it.
            layers: What the platform function imports.
        """
        super().__init__(scope, id_, **stack_properties(deployment, "API"))
        leave_bootstrap_check_to_cli(self)
        self._shared: dict[str, str] = {}
        key_arn = (
            ssm_value(self, "DataKeyArn", key_arn_parameter(DATA_KEY))
            if deployment.settings.logs_use_customer_key
            else None
        )
        platform = self._platform(deployment, code, layers, key_arn)
        api = InferenceApi(
            self,
            "Api",
            models={spec.name: self._backend(spec, deployment) for spec in models},
            platform=Backend(arn=platform.attr_arn, timeout_s=PLATFORM_SIZE.timeout_s),
            deployment=deployment,
            key_arn=key_arn,
        )
        CfnOutput(self, "ApiUrl", value=api.url, description="Where the models answer")

    def _backend(self, spec: ModelSpec, deployment: Deployment) -> Backend | PrivateBackend:
        timeout_s = spec.compute.timeout_s
        if spec.compute.target is Target.LAMBDA:
            alias = ssm_value(self, _alias_id(spec.name), alias_arn_parameter(spec.name))
            return Backend(arn=alias, timeout_s=timeout_s)
        if has_breaker(spec):
            parameter = gpu_service_parameter(spec.name, "breaker")
            arn = ssm_value(self, f"Breaker{_alias_id(spec.name)}", parameter)
            return Backend(arn=arn, timeout_s=timeout_s)
        return PrivateBackend(
            link=self._of_gpu("link"),
            listener=self._of_gpu("api-listener"),
            balancer=self._of_gpu("balancer-arn"),
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
        self,
        deployment: Deployment,
        code: StagedCode,
        layers: tuple[LayerReference, ...],
        key_arn: str | None,
    ) -> lambda_.CfnFunction:
        use_key = [allow("DecryptOwnSettings", ["kms:Decrypt"], [key_arn])] if key_arn else []
        return ServiceFunction(
            self,
            "Platform",
            code=FunctionCode(asset=code, layers=layers),
            size=PLATFORM_SIZE,
            environment={ENV_PROFILE: deployment.profile.value, ENV_CATALOGUE: CATALOGUE_FILE},
            description="Catalogue, health, OpenAPI document",
            deployment=deployment,
            access=FunctionAccess(key_arn=key_arn, statements=tuple(use_key)),
        ).function


def _alias_id(model: str) -> str:
    """Spell a model's name (a-z, 0-9, -) as a template parameter may be spelt, told apart."""
    return f"Alias{model.replace('-', 'Dash')}"
