"""The service's values in the JSON shapes of the Lambda REST API.

Source: botocore's lambda/2015-03-31/service-2.json, botocore 1.44.5.
"""

from datetime import datetime
from typing import Any

from local_region.lambda_service.values import (
    AliasView,
    EventInvokeConfig,
    ProvisionedView,
    VersionView,
)

Json = dict[str, Any]


def function_configuration(view: VersionView, arn: str | None = None) -> Json:
    """Write a FunctionConfiguration."""
    settings = view.settings
    shape: Json = {
        "FunctionName": settings.name,
        "FunctionArn": arn or view.arn,
        "Runtime": settings.runtime,
        "Role": settings.role,
        "Handler": settings.handler,
        "CodeSize": view.code_size,
        "Description": settings.description,
        "Timeout": settings.timeout_s,
        "MemorySize": settings.memory_mib,
        "LastModified": _timestamp(view.last_modified),
        "CodeSha256": view.code_sha256,
        "Version": view.version,
        "RevisionId": view.revision_id,
        "TracingConfig": {"Mode": "PassThrough"},
        "State": "Active",
        "LastUpdateStatus": "Successful",
        "PackageType": "Zip",
        "Architectures": [settings.architecture],
        "EphemeralStorage": {"Size": settings.ephemeral_storage_mib},
        "SnapStart": {
            "ApplyOn": "PublishedVersions" if settings.snap_start else "None",
            "OptimizationStatus": "Off",
        },
        "LoggingConfig": {"LogFormat": "Text", "LogGroup": f"/aws/lambda/{settings.name}"},
    }
    if settings.environment:
        shape["Environment"] = {"Variables": dict(settings.environment)}
    return shape


def alias_configuration(view: AliasView) -> Json:
    """Write an AliasConfiguration."""
    shape: Json = {
        "AliasArn": view.arn,
        "Name": view.name,
        "FunctionVersion": view.function_version,
        "Description": view.description,
        "RevisionId": view.revision_id,
    }
    if view.weights:
        shape["RoutingConfig"] = {"AdditionalVersionWeights": dict(view.weights)}
    return shape


def provisioned_config(view: ProvisionedView) -> Json:
    """Write a provisioned concurrency configuration."""
    shape: Json = {
        "RequestedProvisionedConcurrentExecutions": view.requested,
        "AvailableProvisionedConcurrentExecutions": view.available,
        "AllocatedProvisionedConcurrentExecutions": view.allocated,
        "Status": view.status,
        "LastModified": _timestamp(view.last_modified),
    }
    if view.status_reason:
        shape["StatusReason"] = view.status_reason
    return shape


def event_invoke_config(arn: str, config: EventInvokeConfig, now: datetime) -> Json:
    """Write a FunctionEventInvokeConfig."""
    return {
        "FunctionArn": arn,
        "LastModified": now.timestamp(),
        "MaximumRetryAttempts": config.maximum_retry_attempts,
        "MaximumEventAgeInSeconds": config.maximum_event_age_s,
        "DestinationConfig": {"OnSuccess": {}, "OnFailure": {}},
    }


def _timestamp(moment: datetime) -> str:
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{moment.microsecond // 1000:03}+0000"
