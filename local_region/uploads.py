"""Puts the assembly's files where `cdk deploy` would upload them."""

from typing import Final

from botocore.exceptions import ClientError

from local_region.assembly import FileAsset, Stack
from local_region.resources.kind import Surroundings

_TEMPLATE: Final = ".template.json"


def publish_files(stack: Stack, region: Surroundings) -> None:
    """Upload a stack's single files to the bucket that its templates name.

    Folders are not zipped: functions run them in place. Templates are not uploaded: nobody reads
    them from there.

    Raises:
        AssetError: A file of the asset manifest is missing.
    """
    for key, asset in stack.assets.items():
        if asset.packaging == "file" and not asset.path.name.endswith(_TEMPLATE):
            found = stack.asset(key)
            bucket = bucket_of(found, region)
            with found.path.open("rb") as content:
                region.aws.client("s3").put_object(Bucket=bucket, Key=key, Body=content.read())


def bucket_of(asset: FileAsset, region: Surroundings) -> str:
    """Return the name of an asset's bucket, which is there afterwards."""
    name = (
        asset.bucket.replace("${AWS::AccountId}", region.account)
        .replace("${AWS::Region}", region.region)
        .replace("${AWS::Partition}", "aws")
    )
    client = region.aws.client("s3")
    try:
        client.head_bucket(Bucket=name)
    except ClientError:
        client.create_bucket(
            Bucket=name, CreateBucketConfiguration={"LocationConstraint": region.region}
        )
    return name
