"""What every function stands on: its log group, its role, its place, and the settings all share."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

from aws_cdk import Stack, aws_iam as iam, aws_lambda as lambda_, aws_logs as logs
from constructs import Construct

from infra.bundling.functions import HANDLER, StagedCode
from infra.config.deployment import Deployment
from infra.constructs.assets import zip_asset
from infra.constructs.function_place import FunctionPlace
from infra.constructs.function_role import FunctionAccess, FunctionRole
from infra.constructs.kept_logs import KeptLogs
from infra.constructs.shared_layer import LayerReference


@dataclass(frozen=True, slots=True, kw_only=True)
class FunctionGround:
    """A construct's log group and role, and what its function has in common with all others.

    Attributes:
        scope: The construct, in which the function is called `Resource`.
        stack: The construct's stack.
        deployment: Profile, platform and Python.
        log_group: Where its lines go.
        log_group_name: The log group's name, a token.
        role: Its role.
        key_arn: The customer's key for its settings and logs; None for AWS's own.
        place: Where it runs.
    """

    scope: Construct
    stack: Stack
    deployment: Deployment
    log_group: logs.CfnLogGroup
    log_group_name: str
    role: iam.CfnRole
    key_arn: str | None
    place: FunctionPlace

    @classmethod
    def under(cls, scope: Construct, *, deployment: Deployment, access: FunctionAccess) -> Self:
        """Make log group and role.

        Args:
            scope: The function's construct.
            deployment: Profile, platform and Python.
            access: The customer's key and further rights.
        """
        settings, stack = deployment.settings, Stack.of(scope)
        group = KeptLogs(scope, "Logs", settings=settings, key_arn=access.key_arn).group
        name = group.ref
        place = FunctionPlace.of(stack, settings)
        statements = (*access.statements, *place.statements)
        return cls(
            scope=scope,
            stack=stack,
            deployment=deployment,
            log_group=group,
            log_group_name=name,
            role=FunctionRole(scope, "Role", log_group=name, statements=statements).role,
            key_arn=access.key_arn,
            place=place,
        )

    def function(
        self,
        *,
        code: StagedCode,
        layers: Sequence[LayerReference],
        environment: Mapping[str, str],
        **own: Any,  # noqa: ANN401 - properties of Lambda's resource, checked by the CDK
    ) -> lambda_.CfnFunction:
        """Make the function.

        Args:
            code: Handler and packaged data.
            layers: In the order in which Lambda unpacks them.
            environment: Settings, by names from `falaj.contract`.
            own: Properties that differ from function to function.
        """
        location = zip_asset(self.stack, code.folder, code.digest)
        return lambda_.CfnFunction(
            self.scope,
            "Resource",
            code=lambda_.CfnFunction.CodeProperty(
                s3_bucket=location.bucket_name, s3_key=location.object_key
            ),
            role=self.role.attr_arn,
            handler=HANDLER,
            runtime=self.deployment.runtime,
            environment=lambda_.CfnFunction.EnvironmentProperty(
                variables={**environment, **self.place.environment}
            ),
            vpc_config=self.place.vpc,
            kms_key_arn=self.key_arn,
            layers=[layer.arn(self.stack) for layer in layers],
            logging_config=lambda_.CfnFunction.LoggingConfigProperty(log_group=self.log_group_name),
            tracing_config=lambda_.CfnFunction.TracingConfigProperty(mode="Active"),
            **own,
        )
