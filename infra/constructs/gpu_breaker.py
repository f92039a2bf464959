"""The function before a GPU service that may be absent: it forwards, falls back and wakes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from aws_cdk import Stack, aws_lambda as lambda_
from constructs import Construct

from falaj.contract import (
    ENV_ACCESS,
    ENV_ENDPOINT,
    ENV_FALLBACK,
    ENV_MODEL_NAME,
    ENV_PROFILE,
    ENV_SERVER_NAME,
    ENV_SERVICE,
)
from infra.bundling.functions import HANDLER, StagedCode
from infra.config.deployment import Deployment
from infra.constructs.assets import zip_asset
from infra.constructs.function_place import network_rights
from infra.constructs.function_role import FunctionRole, allow, sub
from infra.constructs.kept_logs import KeptLogs
from infra.constructs.shared_layer import LayerReference

MEMORY_MIB: Final = 512
SPARE_S: Final = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Before:
    """The service, and what stands in for it.

    Attributes:
        model: The model.
        timeout_s: After how long a request is given up.
        endpoint: Where the service answers.
        server_name: Name in the endpoint's certificate; empty where there is none.
        fallback_arn: Alias that answers instead; empty for none.
        wakes: `(cluster, service)` to wake; None where replicas are kept.
        access: Who may call, as functions read it; empty where nobody is asked.
        words: What kind of service it is.
    """

    model: str
    timeout_s: int
    endpoint: str
    server_name: str = ""
    fallback_arn: str = ""
    wakes: tuple[str, str] | None = None
    access: str = ""
    words: str = "GPU service"


@dataclass(frozen=True, slots=True, kw_only=True)
class Inside:
    """Where in the network the function stands.

    Attributes:
        subnet_ids: Its subnets.
        group_id: Its security group.
        key_arn: The customer's key for settings and logs; None for AWS's own.
        environment: Settings of what it leaves auditors; none where nobody records.
        rights: What it may do for that.
    """

    subnet_ids: Sequence[str]
    group_id: str
    key_arn: str | None
    environment: Mapping[str, str] = field(default_factory=dict)
    rights: Sequence[dict[str, Any]] = ()


class GpuBreaker(Construct):
    """A function in the services' network.

    Attributes:
        function: The function.
        log_group: Name of its log group.
    """

    def __init__(
        self,
        scope: Construct,
        id_: str,
        *,
        before: Before,
        inside: Inside,
        code: StagedCode,
        layers: Sequence[LayerReference],
        deployment: Deployment,
    ) -> None:
        """Make the function.

        Args:
            scope: Where it belongs.
            id_: Its id there.
            before: The service.
            inside: Its place in the network.
            code: Its handler.
            layers: What it imports.
            deployment: Profile, platform and Python.
        """
        super().__init__(scope, id_)
        logs = KeptLogs(self, "Logs", settings=deployment.settings, key_arn=inside.key_arn)
        self.log_group = logs.group.ref
        role = FunctionRole(
            self, "Role", log_group=logs.group.ref, statements=_rights(before, inside)
        )
        location = zip_asset(self, code.folder, code.digest)
        stack = Stack.of(self)
        self.function = lambda_.CfnFunction(
            self,
            "Resource",
            code=lambda_.CfnFunction.CodeProperty(
                s3_bucket=location.bucket_name, s3_key=location.object_key
            ),
            role=role.role.attr_arn,
            handler=HANDLER,
            runtime=deployment.runtime,
            architectures=[deployment.architecture("arm64")],
            memory_size=MEMORY_MIB,
            timeout=before.timeout_s + SPARE_S,
            description=f"Before the {before.words} of {before.model}",
            environment=lambda_.CfnFunction.EnvironmentProperty(
                variables={**_environment(before, deployment), **inside.environment}
            ),
            kms_key_arn=inside.key_arn,
            layers=[layer.arn(stack) for layer in layers],
            logging_config=lambda_.CfnFunction.LoggingConfigProperty(log_group=logs.group.ref),
            tracing_config=lambda_.CfnFunction.TracingConfigProperty(mode="Active"),
            vpc_config=lambda_.CfnFunction.VpcConfigProperty(
                subnet_ids=list(inside.subnet_ids), security_group_ids=[inside.group_id]
            ),
        )


def _environment(before: Before, deployment: Deployment) -> dict[str, str]:
    environment = {
        ENV_PROFILE: deployment.profile.value,
        ENV_MODEL_NAME: before.model,
        ENV_ENDPOINT: before.endpoint,
    }
    if before.access:
        environment[ENV_ACCESS] = before.access
    if before.server_name:
        environment[ENV_SERVER_NAME] = before.server_name
    if before.fallback_arn:
        environment[ENV_FALLBACK] = before.fallback_arn
    if before.wakes:
        environment[ENV_SERVICE] = "/".join(before.wakes)
    return environment


def _rights(before: Before, inside: Inside) -> list[dict[str, Any]]:
    """What it does beside forwarding."""
    statements = [*network_rights()]
    if inside.key_arn:
        statements.append(allow("DecryptOwnSettings", ["kms:Decrypt"], [inside.key_arn]))
    if before.fallback_arn:
        statements.append(allow("FallBack", ["lambda:InvokeFunction"], [before.fallback_arn]))
    if before.wakes:
        cluster, service = before.wakes
        arn = sub(
            "arn:${AWS::Partition}:ecs:${AWS::Region}:${AWS::AccountId}:service/"
            "${Cluster}/${Service}",
            Cluster=cluster,
            Service=service,
        )
        statements.append(allow("Wake", ["ecs:DescribeServices", "ecs:UpdateService"], [arn]))
    return [*statements, *inside.rights]
