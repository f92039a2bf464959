"""S3 buckets and DynamoDB tables, made in moto through boto3."""

from collections.abc import Mapping
from typing import Any, Final

from botocore.exceptions import ClientError

from local_region.resources.kind import Declared, Kind, Surroundings
from local_region.template.intrinsics import Physical


async def _create_bucket(resource: Declared, region: Surroundings) -> Physical:
    wanted = resource.properties
    name = wanted.get("BucketName") or resource.name(63).lower()
    client = region.aws.client("s3")
    lock = {"ObjectLockEnabledForBucket": True} if wanted.get("ObjectLockEnabled") else {}
    client.create_bucket(
        Bucket=name, CreateBucketConfiguration={"LocationConstraint": region.region}, **lock
    )
    _configure_bucket(name, wanted, region)
    return Physical(
        ref=name,
        attributes={
            "Arn": f"arn:aws:s3:::{name}",
            "DomainName": f"{name}.s3.amazonaws.com",
            "RegionalDomainName": f"{name}.s3.{region.region}.amazonaws.com",
        },
    )


def _configure_bucket(name: str, wanted: Mapping[str, Any], region: Surroundings) -> None:
    client = region.aws.client("s3")
    if versioning := wanted.get("VersioningConfiguration"):
        client.put_bucket_versioning(Bucket=name, VersioningConfiguration=versioning)
    if access := wanted.get("PublicAccessBlockConfiguration"):
        client.put_public_access_block(
            Bucket=name,
            PublicAccessBlockConfiguration={key: as_bool(flag) for key, flag in access.items()},
        )


async def _update_bucket(physical: Physical, resource: Declared, region: Surroundings) -> Physical:
    _configure_bucket(physical.ref, resource.properties, region)
    return physical


async def _delete_bucket(physical: Physical, region: Surroundings) -> None:
    region.aws.client("s3").delete_bucket(Bucket=physical.ref)


BUCKET = Kind(
    create=_create_bucket,
    update=_update_bucket,
    delete=_delete_bucket,
    replaced_by=frozenset({"BucketName", "ObjectLockEnabled"}),
    note="Buckets keep versions, object lock and public-access blocks; encryption, lifecycle, "
    "replication and notifications are not emulated.",
)

_TABLE_PROPERTIES: Final = (
    "KeySchema",
    "AttributeDefinitions",
    "BillingMode",
    "ProvisionedThroughput",
    "GlobalSecondaryIndexes",
    "LocalSecondaryIndexes",
)


async def _create_table(resource: Declared, region: Surroundings) -> Physical:
    wanted = resource.properties
    name = wanted.get("TableName") or resource.name(255)
    given = {key: wanted[key] for key in _TABLE_PROPERTIES if key in wanted}
    if "ProvisionedThroughput" not in given:
        given.setdefault("BillingMode", "PAY_PER_REQUEST")
    if stream := wanted.get("StreamSpecification"):
        given["StreamSpecification"] = {"StreamEnabled": True, **stream}
    client = region.aws.client("dynamodb")
    try:
        made = client.create_table(TableName=name, **given)["TableDescription"]
    except ClientError as error:
        raise resource.error(error.response["Error"]["Message"]) from error
    _configure_table(name, wanted, region)
    stream_arn = made.get("LatestStreamArn")
    return Physical(
        ref=name,
        attributes={
            "Arn": made["TableArn"],
            "TableId": made.get("TableId", name),
            **({"StreamArn": stream_arn} if stream_arn else {}),
        },
    )


def _configure_table(name: str, wanted: Mapping[str, Any], region: Surroundings) -> None:
    if expiry := wanted.get("TimeToLiveSpecification"):
        region.aws.client("dynamodb").update_time_to_live(
            TableName=name,
            TimeToLiveSpecification={
                "Enabled": as_bool(expiry["Enabled"]),
                "AttributeName": expiry["AttributeName"],
            },
        )


async def _keep_table(physical: Physical, _: Declared, __: Surroundings) -> Physical:
    return physical


async def _delete_table(physical: Physical, region: Surroundings) -> None:
    region.aws.client("dynamodb").delete_table(TableName=physical.ref)


TABLE = Kind(
    create=_create_table,
    update=_keep_table,
    delete=_delete_table,
    replaced_by=frozenset({"TableName", "KeySchema"}),
    note="Tables ignore encryption, point-in-time recovery and replicas; items with a passed "
    "time to live are not removed.",
)


def as_bool(value: object) -> bool:
    """Read a CloudFormation boolean, which may be written as a string."""
    return value is True or value == "true"
