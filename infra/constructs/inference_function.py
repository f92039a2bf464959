"""A model's function: every change is a new published version; the alias is made once."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from aws_cdk import CfnTag, aws_lambda as lambda_
from constructs import Construct

from catalogue.compute import Compute
from falaj.contract import ENV_MODEL_NAME, LIVE_ALIAS, MODEL_TAG
from infra.bundling.functions import StagedCode
from infra.bundling.trees import text_digest
from infra.config.deployment import Deployment
from infra.constructs.function_ground import FunctionGround
from infra.constructs.function_role import FunctionAccess
from infra.constructs.keeping import keep
from infra.constructs.shared_layer import LayerReference

FIRST_VERSION = "1"
"""What the alias names in every template.

The first version a function ever publishes is 1, and a function of generated name is always a new
one. Since the template never changes, CloudFormation never updates the alias after creating it, and
the shares that the rollout controller set stay as they are (docs/decisions/0002).
"""


class InferenceFunction(Construct):
    """A function, its newest version and its alias `live`.

    Attributes:
        function: The function.
        function_name: Its name, a token.
        role: Its role.
        version: What this template publishes; kept for ever, pruned by the rollout controller.
        version_number: Its number, a token.
        log_group_name: Where its lines go, a token.
        alias: `live`; CloudFormation creates it and never touches it again.
        release_digest: Changes exactly when a new version is published.
    """

    def __init__(
        self,
        scope: Construct,
        id_: str,
        *,
        code: StagedCode,
        layers: Sequence[LayerReference],
        compute: Compute,
        environment: Mapping[str, str],
        description: str,
        deployment: Deployment,
        access: FunctionAccess,
    ) -> None:
        """Make the function.

        Args:
            scope: Where it belongs.
            id_: Its id there.
            code: Handler and packaged data.
            layers: In the order in which Lambda unpacks them.
            compute: Size and options.
            environment: Settings, by names from `falaj.contract`, the model's name among them.
            description: What the console shows; the release digest is added.
            deployment: Profile, platform and Python.
            access: The customer's key and further rights.
        """
        super().__init__(scope, id_)
        ground = FunctionGround.under(self, deployment=deployment, access=access)
        # Everything that a published version freezes, except names that only AWS knows.
        frozen: dict[str, Any] = {
            "runtime": deployment.runtime,
            "architectures": [deployment.architecture(compute.architecture)],
            "memory_size": compute.memory_mib,
            "timeout": compute.timeout_s,
            "environment": dict(environment),
            "snap_start": compute.snap_start,
            "ephemeral_storage": compute.ephemeral_storage_mib,
            "layers": [layer.digest for layer in layers],
            "code": code.digest,
            "min_warm": compute.min_warm,
            "key": access.key_arn is not None,
            "isolated": deployment.settings.isolated,
            "rights": [statement["Sid"] for statement in access.statements],
        }
        self.release_digest = text_digest(json.dumps(frozen, sort_keys=True))[:16]
        self.role, self.log_group_name = ground.role, ground.log_group_name
        self.function = ground.function(
            code=code,
            layers=layers,
            environment=environment,
            architectures=frozen["architectures"],
            memory_size=compute.memory_mib,
            timeout=compute.timeout_s,
            # Lambda publishes no version that equals the last; the digest tells them apart.
            description=f"{description[:200]} · {self.release_digest}",
            reserved_concurrent_executions=compute.reserved_concurrency,
            ephemeral_storage=_ephemeral(compute),
            snap_start=_snap_start(compute),
            # The rollout controller may touch no function without this tag.
            tags=[CfnTag(key=MODEL_TAG, value=environment[ENV_MODEL_NAME])],
        )
        # Read once: each reading is a call into the CDK's Node.
        self.function_name = self.function.ref
        self.version = lambda_.CfnVersion(
            self,
            f"Version{self.release_digest}",
            function_name=self.function_name,
            provisioned_concurrency_config=_provisioned(compute),
        )
        keep(self.version)
        self.version_number = self.version.attr_version
        self.alias = lambda_.CfnAlias(
            self,
            "Live",
            function_name=self.function_name,
            function_version=FIRST_VERSION,
            name=LIVE_ALIAS,
        )
        self.alias.add_resource_dependency(self.version)


def _ephemeral(compute: Compute) -> lambda_.CfnFunction.EphemeralStorageProperty:
    return lambda_.CfnFunction.EphemeralStorageProperty(size=compute.ephemeral_storage_mib)


def _snap_start(compute: Compute) -> lambda_.CfnFunction.SnapStartProperty | None:
    if not compute.snap_start:
        return None
    return lambda_.CfnFunction.SnapStartProperty(apply_on="PublishedVersions")


def _provisioned(
    compute: Compute,
) -> lambda_.CfnVersion.ProvisionedConcurrencyConfigurationProperty | None:
    if not compute.min_warm:
        return None
    return lambda_.CfnVersion.ProvisionedConcurrencyConfigurationProperty(
        provisioned_concurrent_executions=compute.min_warm
    )
