"""KMS keys and their aliases, made in moto through boto3."""

import json

from local_region.resources.kind import Declared, Kind, Surroundings
from local_region.resources.storage import as_bool
from local_region.template.intrinsics import Physical


async def _create_key(resource: Declared, region: Surroundings) -> Physical:
    wanted = resource.properties
    client = region.aws.client("kms")
    made = client.create_key(
        Description=wanted.get("Description", ""),
        KeySpec=wanted.get("KeySpec", "SYMMETRIC_DEFAULT"),
        KeyUsage=wanted.get("KeyUsage", "ENCRYPT_DECRYPT"),
        MultiRegion=as_bool(wanted.get("MultiRegion")),
        **({"Policy": json.dumps(wanted["KeyPolicy"])} if "KeyPolicy" in wanted else {}),
    )["KeyMetadata"]
    if as_bool(wanted.get("EnableKeyRotation")):
        client.enable_key_rotation(KeyId=made["KeyId"])
    return Physical(ref=made["KeyId"], attributes={"Arn": made["Arn"], "KeyId": made["KeyId"]})


async def _update_key(physical: Physical, resource: Declared, region: Surroundings) -> Physical:
    wanted = resource.properties
    if "KeyPolicy" in wanted:
        region.aws.client("kms").put_key_policy(
            KeyId=physical.ref, PolicyName="default", Policy=json.dumps(wanted["KeyPolicy"])
        )
    return physical


async def _delete_key(physical: Physical, region: Surroundings) -> None:
    region.aws.client("kms").schedule_key_deletion(KeyId=physical.ref)


KEY = Kind(
    create=_create_key,
    update=_update_key,
    delete=_delete_key,
    replaced_by=frozenset({"KeySpec", "KeyUsage", "MultiRegion"}),
    note="Keys encrypt and sign; key policies are kept, not enforced.",
)


async def _create_alias(resource: Declared, region: Surroundings) -> Physical:
    wanted = resource.properties
    region.aws.client("kms").create_alias(
        AliasName=wanted["AliasName"], TargetKeyId=wanted["TargetKeyId"]
    )
    return Physical(ref=wanted["AliasName"], attributes={"Arn": _alias_arn(resource, region)})


def _alias_arn(resource: Declared, region: Surroundings) -> str:
    return region.arn("kms", resource.properties["AliasName"])


async def _update_alias(physical: Physical, resource: Declared, region: Surroundings) -> Physical:
    region.aws.client("kms").update_alias(
        AliasName=physical.ref, TargetKeyId=resource.properties["TargetKeyId"]
    )
    return physical


async def _delete_alias(physical: Physical, region: Surroundings) -> None:
    region.aws.client("kms").delete_alias(AliasName=physical.ref)


ALIAS = Kind(
    create=_create_alias,
    update=_update_alias,
    delete=_delete_alias,
    replaced_by=frozenset({"AliasName"}),
)
