"""A model's batch function: the predict function's code and layers, and buckets to read and write.

Every change publishes a version that stays, so that a run can be pinned to the version of the model
it began with; there is no alias, and nothing shifts.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final

from aws_cdk import Stack, aws_lambda as lambda_
from constructs import Construct

from falaj.contract import (
    ENV_MODEL_NAME,
    ENV_MODEL_S3_PREFIX,
    ENV_MODEL_VERSION,
    ENV_PROFILE,
    ENV_PUBLISHER_KEY,
    ENV_THREADS,
)
from infra.bundling.trees import text_digest
from infra.config.batch import BatchBucket
from infra.config.deployment import Deployment
from infra.constructs.far_bytes import read_bytes, upload
from infra.constructs.function_ground import FunctionGround
from infra.constructs.function_role import FunctionAccess, allow, sub
from infra.constructs.keeping import keep
from infra.constructs.shared_layer import LayerReference
from infra.packaging import ModelPackage

TIMEOUT_S: Final = 900
"""The longest that Lambda allows.

Source: docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html, read 2026-11-22.
"""
LEAST_MEMORY_MIB: Final = 1769
"""One vCPU, and room for a shard of the default size with its answers."""


class BatchFunction(Construct):
    """A function and its newest version.

    Attributes:
        function: The function.
        version: What this template publishes; kept for ever.
    """

    def __init__(
        self,
        scope: Construct,
        id_: str,
        *,
        package: ModelPackage,
        layers: Sequence[LayerReference],
        deployment: Deployment,
        key_arn: str,
    ) -> None:
        """Make the function.

        Args:
            scope: Where it belongs.
            id_: Its id there.
            package: The model with the batch function's staged code.
            layers: In the order in which Lambda unpacks them.
            deployment: Profile, platform, Python and buckets.
            key_arn: The customer's key.
        """
        super().__init__(scope, id_)
        spec, stack = package.model.spec, Stack.of(scope)
        far = upload(stack, package) if package.far_prefix else None
        environment = {
            ENV_PROFILE: deployment.profile.value,
            ENV_MODEL_NAME: spec.name,
            ENV_MODEL_VERSION: str(spec.version),
            ENV_THREADS: str(spec.compute.threads),
            ENV_PUBLISHER_KEY: package.publisher.fingerprint,
            **({ENV_MODEL_S3_PREFIX: f"s3://{far}/{package.far_prefix}"} if far else {}),
        }
        statements = (
            allow("UseBatchKey", ["kms:Decrypt"], [key_arn]),
            *([read_bytes(far, package.far_prefix)] if far else []),
            *bucket_rights(deployment.batch.buckets),
        )
        ground = FunctionGround.under(
            self,
            deployment=deployment,
            access=FunctionAccess(key_arn=key_arn, statements=statements),
        )
        size: Mapping[str, Any] = {
            "architectures": [deployment.architecture(spec.compute.architecture)],
            "memory_size": max(spec.compute.memory_mib, LEAST_MEMORY_MIB),
            "timeout": TIMEOUT_S,
        }
        frozen = {
            **size,
            "runtime": deployment.runtime,
            "environment": environment,
            "layers": [layer.digest for layer in layers],
            "code": package.code.digest,
            "isolated": deployment.settings.isolated,
            "rights": [statement["Sid"] for statement in statements],
        }
        digest = text_digest(json.dumps(frozen, sort_keys=True))[:16]
        self.function = ground.function(
            code=package.code,
            layers=layers,
            environment=environment,
            # Lambda publishes no version that equals the last; the digest tells them apart.
            description=f"Batches of {spec.name} {spec.version} · {digest}",
            **size,
        )
        self.version = lambda_.CfnVersion(self, f"Version{digest}", function_name=self.function.ref)
        keep(self.version)


def bucket_rights(buckets: Sequence[BatchBucket]) -> tuple[dict[str, Any], ...]:
    """Let a role list, read and add objects of the buckets that were named, and delete none."""
    arns = [sub(f"arn:${{AWS::Partition}}:s3:::{bucket.name}") for bucket in buckets]
    objects = [sub(f"arn:${{AWS::Partition}}:s3:::{bucket.name}/*") for bucket in buckets]
    keys = key_arns(buckets)
    return (
        allow("ListBuckets", ["s3:ListBucket"], arns),
        allow("ReadAndWriteObjects", ["s3:GetObject", "s3:PutObject"], objects),
        *([allow("UseBucketKeys", ["kms:Decrypt", "kms:GenerateDataKey"], keys)] if keys else []),
    )


def key_arns(buckets: Sequence[BatchBucket]) -> list[dict[str, Any]]:
    """Return the keys that buckets are encrypted under, each once."""
    place = "arn:${AWS::Partition}:kms:${AWS::Region}:${AWS::AccountId}:key/"
    ids = sorted({bucket.key_id for bucket in buckets if bucket.key_id})
    return [sub(place + id_) for id_ in ids]
