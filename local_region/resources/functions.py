"""Lambda functions, layers, versions, aliases and permissions."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from local_region.lambda_service import FunctionSettings, LambdaApiError
from local_region.resources.kind import Declared, Kind, Surroundings
from local_region.resources.permissions import Permission
from local_region.template.intrinsics import Physical

_ZIP: Final = "zip"
_ENDPOINT: Final = "AWS_ENDPOINT_URL"


def _folder(resource: Declared, location: Mapping[str, Any]) -> Path:
    if "S3Key" not in location:
        raise resource.error("only code that is an asset of the assembly is known here")
    asset = resource.asset(location["S3Key"])
    if asset.packaging != _ZIP or not asset.path.is_dir():
        raise resource.error(f"the asset {asset.path.name} is no folder; only folders run in place")
    return asset.path


def _settings(name: str, resource: Declared, region: Surroundings) -> FunctionSettings:
    wanted = resource.properties
    if wanted.get("PackageType", "Zip") != "Zip":
        raise resource.error("only zip packages are known here, not images")
    return FunctionSettings(
        name=name,
        code_folder=_folder(resource, wanted["Code"]),
        handler=wanted["Handler"],
        runtime=wanted["Runtime"],
        environment={
            name: region.containers.reachable(value)
            for name, value in _strings(wanted.get("Environment", {}).get("Variables", {})).items()
            # AWS answers at one address here, whatever endpoints the network has.
            if not name.startswith(_ENDPOINT)
        },
        layers=tuple(_layer(resource, arn, region) for arn in wanted.get("Layers", ())),
        memory_mib=int(wanted.get("MemorySize", 128)),
        timeout_s=int(wanted.get("Timeout", 3)),
        ephemeral_storage_mib=int(wanted.get("EphemeralStorage", {}).get("Size", 512)),
        reserved_concurrency=_number(wanted.get("ReservedConcurrentExecutions")),
        snap_start=wanted.get("SnapStart", {}).get("ApplyOn") == "PublishedVersions",
        role=wanted["Role"],
        description=wanted.get("Description", ""),
        architecture=wanted.get("Architectures", ["x86_64"])[0],
    )


def _strings(variables: Mapping[str, Any]) -> dict[str, str]:
    return {name: str(value) for name, value in variables.items()}


def _number(value: object) -> int | None:
    return None if value is None else int(str(value))


def _layer(resource: Declared, arn: str, region: Surroundings) -> Path:
    folder = region.layers.folder(arn)
    if folder is None:
        raise resource.error(f"the layer {arn} was published by no stack of this assembly")
    return folder


def name_of(function: str) -> str:
    """Return a function's name, given it or any ARN of it.

    Example:
        >>> name_of("arn:aws:lambda:me-central-1:000000000000:function:f:live")
        'f'
    """
    return function.split(":")[6] if function.startswith("arn:") else function


@contextmanager
def refused(resource: Declared) -> Iterator[None]:
    """Name the resource that the Lambda API refuses."""
    try:
        yield
    except LambdaApiError as error:
        raise resource.error(error.message) from error


async def _create_function(resource: Declared, region: Surroundings) -> Physical:
    name = resource.properties.get("FunctionName") or resource.name()
    with refused(resource):
        settings = _settings(name, resource, region)
        region.functions.create_function(settings, await region.functions.capture(settings))
    region.control.failed.set_queue(name, _dead_letter_queue(resource))
    region.control.subscriptions.set_group(name, _log_group(name, resource))
    return Physical(ref=name, attributes={"Arn": region.arn("lambda", f"function:{name}")})


def _log_group(name: str, resource: Declared) -> str:
    given = (resource.properties.get("LoggingConfig") or {}).get("LogGroup")
    return str(given or f"/aws/lambda/{name}")


def _dead_letter_queue(resource: Declared) -> str | None:
    arn = (resource.properties.get("DeadLetterConfig") or {}).get("TargetArn")
    return None if arn is None else str(arn)


async def _update_function(
    physical: Physical, resource: Declared, region: Surroundings
) -> Physical:
    with refused(resource):
        wanted = _settings(physical.ref, resource, region)
        region.functions.replace_function(wanted, await region.functions.capture(wanted))
        if wanted.reserved_concurrency is None:
            region.functions.delete_function_concurrency(wanted.name)
        else:
            region.functions.put_function_concurrency(wanted.name, wanted.reserved_concurrency)
    region.control.failed.set_queue(physical.ref, _dead_letter_queue(resource))
    region.control.subscriptions.set_group(physical.ref, _log_group(physical.ref, resource))
    return physical


async def _delete_function(physical: Physical, region: Surroundings) -> None:
    region.functions.delete_function(physical.ref)
    region.control.failed.set_queue(physical.ref, None)
    region.control.subscriptions.set_group(physical.ref, None)


FUNCTION: Final = Kind(
    create=_create_function,
    update=_update_function,
    delete=_delete_function,
    replaced_by=frozenset({"FunctionName", "PackageType"}),
    note="Functions ignore VPC, EFS, tracing, customer keys and formats of logs.",
)


async def _create_layer(resource: Declared, region: Surroundings) -> Physical:
    wanted = resource.properties
    name = wanted.get("LayerName") or resource.name(140)
    arn = region.layers.publish(
        region.arn("lambda", f"layer:{name}"), _folder(resource, wanted["Content"])
    )
    return Physical(ref=arn, attributes={"LayerVersionArn": arn})


LAYER_VERSION: Final = Kind(create=_create_layer)


async def _create_version(resource: Declared, region: Surroundings) -> Physical:
    wanted = resource.properties
    function = name_of(wanted["FunctionName"])
    warm = wanted.get("ProvisionedConcurrencyConfig", {})
    with refused(resource):
        before = {view.version for view in region.functions.list_versions(function)}
        made = region.functions.publish_version(
            function,
            description=wanted.get("Description", ""),
            provisioned=_number(warm.get("ProvisionedConcurrentExecutions")),
        )
    if made.version in before:
        raise resource.error(
            f"A version for this Lambda function exists ( {made.version} ). "
            "Modify the function to create a new version."
        )
    return Physical(ref=made.arn, attributes={"Version": made.version, "FunctionArn": made.arn})


async def _delete_version(physical: Physical, region: Surroundings) -> None:
    region.functions.delete_function(name_of(physical.ref), physical.attributes["Version"])


VERSION: Final = Kind(create=_create_version, delete=_delete_version)


async def _create_alias(resource: Declared, region: Surroundings) -> Physical:
    wanted = resource.properties
    with refused(resource):
        made = region.functions.create_alias(
            name_of(wanted["FunctionName"]),
            wanted["Name"],
            wanted["FunctionVersion"],
            weights=_weights(wanted),
            description=wanted.get("Description", ""),
        )
    return Physical(ref=made.arn, attributes={"AliasArn": made.arn})


async def _update_alias(physical: Physical, resource: Declared, region: Surroundings) -> Physical:
    wanted = resource.properties
    with refused(resource):
        region.functions.update_alias(
            name_of(wanted["FunctionName"]),
            wanted["Name"],
            function_version=wanted["FunctionVersion"],
            weights=_weights(wanted),
            description=wanted.get("Description", ""),
        )
    return physical


async def _delete_alias(physical: Physical, region: Surroundings) -> None:
    region.functions.delete_alias(name_of(physical.ref), physical.ref.rpartition(":")[2])


def _weights(wanted: Mapping[str, Any]) -> dict[str, float]:
    return {
        weight["FunctionVersion"]: float(weight["FunctionWeight"])
        for weight in wanted.get("RoutingConfig", {}).get("AdditionalVersionWeights", ())
    }


ALIAS: Final = Kind(
    create=_create_alias,
    update=_update_alias,
    delete=_delete_alias,
    replaced_by=frozenset({"FunctionName", "Name"}),
)


async def _create_permission(resource: Declared, region: Surroundings) -> Physical:
    wanted = resource.properties
    function = wanted["FunctionName"]
    arn = function if function.startswith("arn:") else region.arn("lambda", f"function:{function}")
    statement = resource.name(100)
    region.permissions.grant(
        statement,
        Permission(
            function_arn=arn,
            principal=wanted["Principal"],
            source_arn=wanted.get("SourceArn"),
        ),
    )
    return Physical(ref=statement, attributes={"Id": statement})


async def _delete_permission(physical: Physical, region: Surroundings) -> None:
    region.permissions.revoke(physical.ref)


PERMISSION: Final = Kind(
    create=_create_permission,
    delete=_delete_permission,
    note="Permissions are checked for API Gateway, EventBridge and CloudWatch Logs; boto3 clients "
    "may invoke every function.",
)
