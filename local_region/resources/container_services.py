"""Task definitions, services, and how services are scaled."""

import io
import zipfile
from dataclasses import replace
from typing import Final
from uuid import NAMESPACE_URL, uuid5

from local_region.assembly import FileAsset
from local_region.container_service.images import ImageSource
from local_region.container_service.scaling import ScalingError
from local_region.container_service.service import Service
from local_region.container_service.task_definition import ServiceSettings, TaskDefinition
from local_region.resources.kind import Declared, Kind, Surroundings
from local_region.template.intrinsics import Physical
from local_region.uploads import bucket_of

_EPOCH: Final = (1980, 1, 1, 0, 0, 0)


async def _create_definition(resource: Declared, region: Surroundings) -> Physical:
    wanted = resource.properties
    family = wanted.get("Family") or resource.name(255)
    number = sum(f"/{family}:" in arn for arn in region.containers.definitions) + 1
    arn = region.arn("ecs", f"task-definition/{family}:{number}")
    for tag, image in resource.stack.images.items():
        source = ImageSource(
            context=image.path, dockerfile=image.dockerfile, arguments=image.arguments
        )
        region.containers.images.offer(tag, source)
    try:
        definition = TaskDefinition.from_properties(wanted, arn=arn)
    except ValueError as error:
        raise resource.error(str(error)) from error
    region.containers.definitions[arn] = definition
    named = [value for c in definition.containers for value in c.environment.values()]
    for key, asset in resource.stack.assets.items():
        if asset.packaging == "zip" and any(value.endswith(f"/{key}") for value in named):
            _upload(resource.asset(key), region)
    return Physical(ref=arn, attributes={"TaskDefinitionArn": arn})


def _upload(asset: FileAsset, region: Surroundings) -> None:
    """Zip a folder and upload it, as `cdk deploy` does with every one."""
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for path in sorted(asset.path.rglob("*")):
            if path.is_file():
                name = path.relative_to(asset.path).as_posix()
                archive.writestr(zipfile.ZipInfo(name, _EPOCH), path.read_bytes())
    bucket = bucket_of(asset, region)
    region.aws.client("s3").put_object(Bucket=bucket, Key=asset.key, Body=content.getvalue())


async def _delete_definition(physical: Physical, region: Surroundings) -> None:
    """Keep it: tasks of a deregistered definition run on."""
    del physical, region


TASK_DEFINITION: Final = Kind(
    create=_create_definition,
    delete=_delete_definition,
    note="Tasks are processes: what the image's Dockerfile copies and sets, on this machine's "
    "Python and packages and on its processor; memory, GPUs, users, capabilities, read-only file "
    "systems and container health checks have no effect.",
)


async def _create_service(resource: Declared, region: Surroundings) -> Physical:
    wanted = resource.properties
    name = wanted.get("ServiceName") or resource.name(255)
    cluster = str(wanted.get("Cluster", "default")).rpartition("/")[2]
    arn = region.arn("ecs", f"service/{cluster}/{name}")
    return await _put_service(arn, resource, region)


async def _put_service(arn: str, resource: Declared, region: Surroundings) -> Physical:
    containers = region.containers
    try:
        settings = ServiceSettings.from_properties(resource.properties, arn=arn)
    except ValueError as error:
        raise resource.error(str(error)) from error
    definition = containers.definitions[settings.task_definition_arn]
    # One whose image is built elsewhere has no tasks here: its callers are told, or fall back.
    is_runnable = all(containers.images.knows(c.image) for c in definition.containers)
    known = containers.services.get(arn)
    service = containers.put_service(replace(settings, is_runnable=is_runnable))
    if is_runnable and (known is None or known.desired_count):
        await containers.until_up(service)
        _check(service, resource)
    return Physical(ref=arn, attributes={"ServiceArn": arn, "Name": settings.name})


def _check(service: Service, resource: Declared) -> None:
    if service.is_failing:
        raise resource.error(f"its tasks do not live: {service.failed or service.last_failure}")


async def _update_service(physical: Physical, resource: Declared, region: Surroundings) -> Physical:
    return await _put_service(physical.ref, resource, region)


async def _delete_service(physical: Physical, region: Surroundings) -> None:
    await region.containers.remove_service(physical.ref)


SERVICE: Final = Kind(
    create=_create_service,
    update=_update_service,
    delete=_delete_service,
    replaced_by=frozenset({"ServiceName", "Cluster", "LaunchType"}),
    note="Deployments shift, bake and roll back by their alarms and circuit breaker on the "
    "region's clock, but a stack waits only until the new tasks answer, not for their shares; new "
    "tasks that do not live end a canary or linear deployment after three, where AWS waits for "
    "hours. A load balancer's own metrics are missing, so alarms on them see no data; no events of "
    "deployments are sent. A task whose image is built elsewhere (Triton's, with its gate) does "
    "not run here; stacks that are made for this machine have our container in its place.",
)


async def _put_target(resource: Declared, region: Surroundings) -> Physical:
    wanted = resource.properties
    resource_id = wanted["ResourceId"]
    region.containers.scaling.put_target(
        resource_id, minimum=int(wanted["MinCapacity"]), maximum=int(wanted["MaxCapacity"])
    )
    ref = f"{resource_id}|{wanted['ScalableDimension']}|{wanted['ServiceNamespace']}"
    return Physical(ref=ref, attributes={"Id": ref})


async def _update_target(_: Physical, resource: Declared, region: Surroundings) -> Physical:
    return await _put_target(resource, region)


async def _delete_target(physical: Physical, region: Surroundings) -> None:
    region.containers.scaling.remove_target(physical.ref.partition("|")[0])


SCALABLE_TARGET: Final = Kind(
    create=_put_target,
    update=_update_target,
    delete=_delete_target,
    replaced_by=frozenset({"ResourceId", "ScalableDimension", "ServiceNamespace"}),
    note="Only services of ECS are scaled; schedules and suspended processes are not carried out.",
)


async def _put_policy(resource: Declared, region: Surroundings) -> Physical:
    wanted = resource.properties
    target = wanted.get("ScalingTargetId") or wanted.get("ResourceId", "")
    resource_id = str(target).partition("|")[0]
    identity = uuid5(
        NAMESPACE_URL, f"{resource.account}/{resource.stack.name}/{resource.logical_id}"
    )
    arn = region.arn(
        "autoscaling",
        f"scalingPolicy:{identity}:resource/ecs/{resource_id}:policyName/{wanted['PolicyName']}",
    )
    try:
        region.containers.scaling.put_policy(arn, resource_id, wanted)
    except ScalingError as error:
        raise resource.error(str(error)) from error
    return Physical(ref=arn, attributes={"Arn": arn, "PolicyName": wanted["PolicyName"]})


async def _update_policy(_: Physical, resource: Declared, region: Surroundings) -> Physical:
    return await _put_policy(resource, region)


async def _delete_policy(physical: Physical, region: Surroundings) -> None:
    region.containers.scaling.remove_policy(physical.ref)


SCALING_POLICY: Final = Kind(
    create=_put_policy,
    update=_update_policy,
    delete=_delete_policy,
    replaced_by=frozenset({"PolicyName", "ScalingTargetId", "ResourceId"}),
    note="How gradually target tracking scales in is AWS's secret: here it goes to what the target "
    "needs at once. A processor reports no GPU utilisation, so a service that tracks it too scales "
    "out here and not in: all must agree.",
)
