"""SSM parameters and log groups, made in moto through boto3, and our own state machines."""

import json

from botocore.exceptions import ClientError

from falaj.errors import ConfigurationError
from local_region.resources.kind import Declared, Kind, Surroundings
from local_region.template.intrinsics import Physical


async def _create_parameter(resource: Declared, region: Surroundings) -> Physical:
    wanted = resource.properties
    name = wanted.get("Name") or f"CFN-{resource.name()}"
    return await _put_parameter(name, resource, region, overwrite=False)


async def _update_parameter(
    physical: Physical, resource: Declared, region: Surroundings
) -> Physical:
    return await _put_parameter(physical.ref, resource, region, overwrite=True)


async def _put_parameter(
    name: str, resource: Declared, region: Surroundings, *, overwrite: bool
) -> Physical:
    wanted = resource.properties
    try:
        region.aws.client("ssm").put_parameter(
            Name=name,
            Type=wanted["Type"],
            Value=wanted["Value"],
            Description=wanted.get("Description", ""),
            Overwrite=overwrite,
        )
    except ClientError as error:
        raise resource.error(error.response["Error"]["Message"]) from error
    return Physical(ref=name, attributes={"Type": wanted["Type"], "Value": wanted["Value"]})


async def _delete_parameter(physical: Physical, region: Surroundings) -> None:
    region.aws.client("ssm").delete_parameter(Name=physical.ref)


PARAMETER = Kind(
    create=_create_parameter,
    update=_update_parameter,
    delete=_delete_parameter,
    replaced_by=frozenset({"Name"}),
)


async def _create_log_group(resource: Declared, region: Surroundings) -> Physical:
    wanted = resource.properties
    name = wanted.get("LogGroupName") or resource.name(512)
    client = region.aws.client("logs")
    client.create_log_group(logGroupName=name)
    _retain(name, resource, region)
    return Physical(ref=name, attributes={"Arn": region.arn("logs", f"log-group:{name}:*")})


def _retain(name: str, resource: Declared, region: Surroundings) -> None:
    if days := resource.properties.get("RetentionInDays"):
        region.aws.client("logs").put_retention_policy(logGroupName=name, retentionInDays=int(days))


async def _update_log_group(
    physical: Physical, resource: Declared, region: Surroundings
) -> Physical:
    _retain(physical.ref, resource, region)
    return physical


async def _delete_log_group(physical: Physical, region: Surroundings) -> None:
    region.aws.client("logs").delete_log_group(logGroupName=physical.ref)


LOG_GROUP = Kind(
    create=_create_log_group,
    update=_update_log_group,
    delete=_delete_log_group,
    replaced_by=frozenset({"LogGroupName"}),
    note="Log groups exist; what functions print goes to the region's log and to subscriptions, "
    "not into them.",
)


async def _create_state_machine(resource: Declared, region: Surroundings) -> Physical:
    name = str(resource.properties.get("StateMachineName") or resource.name(80))
    kind = resource.properties.get("StateMachineType", "STANDARD")
    if kind != "STANDARD":
        raise resource.error(f"only machines of type STANDARD are known here, not {kind}")
    try:
        arn = region.machines.put(name, _definition(resource))
    except ConfigurationError as error:
        raise resource.error("; ".join(error.faults)) from error
    return Physical(ref=arn, attributes={"Arn": arn, "Name": name})


def _definition(resource: Declared) -> str:
    wanted = resource.properties
    if "DefinitionSubstitutions" in wanted:
        raise resource.error("DefinitionSubstitutions are not known here; use Fn::Sub")
    if "DefinitionString" in wanted:
        return str(wanted["DefinitionString"])
    if "Definition" in wanted:
        return json.dumps(wanted["Definition"])
    raise resource.error("needs a Definition or DefinitionString; one in S3 is not known here")


async def _update_state_machine(
    physical: Physical, resource: Declared, region: Surroundings
) -> Physical:
    del physical
    return await _create_state_machine(resource, region)


async def _delete_state_machine(physical: Physical, region: Surroundings) -> None:
    region.machines.delete(physical.ref)


STATE_MACHINE = Kind(
    create=_create_state_machine,
    update=_update_state_machine,
    delete=_delete_state_machine,
    replaced_by=frozenset({"StateMachineName", "StateMachineType"}),
    note="Tasks that invoke functions and distributed maps over one JSON array in S3 are carried "
    "out, with their retries; any other state, field or path is an error that names it. There is "
    "no execution history, children are no executions of their own, and redriving, logs, traces "
    "and encryption have no effect.",
)
