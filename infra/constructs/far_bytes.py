"""Model bytes that are too large to package: uploaded, and read by the function alone."""

from typing import Any

from aws_cdk import Stack

from infra.constructs.assets import file_asset
from infra.constructs.function_role import allow, sub
from infra.packaging import ModelPackage


def upload(stack: Stack, package: ModelPackage) -> str:
    """Upload them under keys that hold their digest, and name the bucket."""
    uploaded = {
        file_asset(
            stack,
            version.model_path,
            f"{package.far_prefix}/{version.manifest.name}/{version.manifest.version}/model",
        ).bucket_name
        for version in package.model.held
        if not version.manifest.is_ensemble
    }
    return uploaded.pop()


def read_bytes(bucket: str, prefix: str) -> dict[str, Any]:
    """Let a function read what lies under its prefix."""
    objects = sub("arn:${AWS::Partition}:s3:::${Bucket}/${Prefix}/*", Bucket=bucket, Prefix=prefix)
    return allow("ReadModelBytes", ["s3:GetObject"], [objects])
