"""File systems and caches are spoken to under TLS."""

from collections.abc import Iterator

from policies.application import Resource, View
from policies.rule import Rule
from policies.values import at, is_true, items


def _check(resource: Resource, view: View) -> Iterator[str]:
    del view
    for volume in items(resource.properties.get("Volumes")):
        for key in ("EFSVolumeConfiguration", "EfsVolumeConfiguration"):
            mount = at(volume, key)
            if mount and at(mount, "TransitEncryption") != "ENABLED":
                yield f"volume {at(volume, 'Name')}: TransitEncryption is not ENABLED"
    if resource.type == "AWS::ElastiCache::ReplicationGroup" and not is_true(
        resource.properties.get("TransitEncryptionEnabled")
    ):
        yield "TransitEncryptionEnabled is not on"


RULE = Rule(
    id="encryption.network-disk",
    title="File systems and caches are reached over TLS",
    reason="What is encrypted on the disk is in clear on the wire unless the client asks for TLS.",
    source="https://docs.aws.amazon.com/efs/latest/ug/encryption-in-transit.html",
    controls=("PDPL-20", "ISO-8.24", "IAR-T7", "ISO-5.14"),
    types=("AWS::ECS::TaskDefinition", "AWS::ElastiCache::ReplicationGroup"),
    check=_check,
)
