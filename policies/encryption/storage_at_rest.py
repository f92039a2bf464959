"""Disks, file systems, databases and caches are encrypted."""

from collections.abc import Iterator
from typing import Final

from policies.application import Resource, View
from policies.rule import Rule
from policies.values import at, is_true, items

_FLAGS: Final = {
    "AWS::EC2::Volume": "Encrypted",
    "AWS::EFS::FileSystem": "Encrypted",
    "AWS::RDS::DBInstance": "StorageEncrypted",
    "AWS::RDS::DBCluster": "StorageEncrypted",
    "AWS::DocDB::DBCluster": "StorageEncrypted",
    "AWS::ElastiCache::ReplicationGroup": "AtRestEncryptionEnabled",
    "AWS::Neptune::DBCluster": "StorageEncrypted",
    "AWS::OpenSearchService::Domain": "EncryptionAtRestOptions.Enabled",
    "AWS::Redshift::Cluster": "Encrypted",
    "AWS::Kinesis::Stream": "StreamEncryption.EncryptionType",
}
"""The property that says so, by type."""


def _check(resource: Resource, view: View) -> Iterator[str]:
    del view
    if resource.type == "AWS::EC2::LaunchTemplate":
        yield from _disks(resource)
        return
    flag = _FLAGS[resource.type]
    value = at(resource.properties, flag)
    if not (is_true(value) or value == "KMS"):
        yield f"{flag} is not on"


def _disks(resource: Resource) -> Iterator[str]:
    disks = items(at(resource.properties, "LaunchTemplateData.BlockDeviceMappings"))
    if not disks:
        yield "it names no disk, so the image's own is made as the image was; name it, Encrypted"
    for disk in disks:
        if not is_true(at(disk, "Ebs.Encrypted")):
            yield f"disk {at(disk, 'DeviceName')}: Ebs.Encrypted is not on"


RULE = Rule(
    id="encryption.storage-at-rest",
    title="Storage is encrypted at rest",
    reason="A disk that is given back, or a snapshot that is shared, must say nothing.",
    source=(
        "https://docs.aws.amazon.com/whitepapers/latest/efs-encrypted-file-systems/"
        "encryption-of-data-at-rest.html"
    ),
    controls=("PDPL-20", "ISO-8.24", "IAR-T7"),
    types=("AWS::EC2::LaunchTemplate", *_FLAGS),
    check=_check,
)
