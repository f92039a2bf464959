"""Files, streams and queues have no second home."""

from collections.abc import Iterator
from typing import Final

from policies.application import Resource, View
from policies.rule import Rule
from policies.values import at, items

_COPIES: Final = {
    "AWS::EFS::FileSystem": "ReplicationConfiguration",
    "AWS::S3Tables::TableBucket": "ReplicationConfiguration",
    "AWS::S3Tables::Table": "ReplicationConfiguration",
    "AWS::AmazonMQ::Broker": "DataReplicationPrimaryBrokerArn",
}
"""The property that copies, by type."""
_ALWAYS: Final = ("AWS::MSK::Replicator", "AWS::SES::MultiRegionEndpoint", "AWS::Events::Endpoint")


def _check(resource: Resource, view: View) -> Iterator[str]:
    del view
    if resource.type in _ALWAYS:
        yield f"{resource.type} carries what it is given to another region"
    key = _COPIES.get(resource.type)
    if key and resource.properties.get(key):
        yield f"{key} copies it to another place; remove it"
    if resource.properties.get("DataReplicationMode") == "CRDR":
        yield "DataReplicationMode CRDR is cross-region data replication; write NONE"
    if at(resource.properties, "ReplicationSpecification.ReplicationStrategy") == "MULTI_REGION":
        yield "its tables are replicated to several regions; write SINGLE_REGION"
    if items(resource.properties.get("ReplicaSpecifications")):
        yield "ReplicaSpecifications puts replicas into other regions; remove it"


RULE = Rule(
    id="residency.data-replica",
    title="No replica of a file system, stream, queue or table elsewhere",
    reason="What is written is copied, minutes later, to wherever the replica stands.",
    source="https://docs.aws.amazon.com/efs/latest/ug/efs-replication.html",
    controls=("PDPL-22", "HEALTH-13", "CBUAE-6.1", "CBUAE-6.3"),
    types=(*_COPIES, *_ALWAYS, "AWS::Cassandra::Keyspace", "AWS::Cassandra::Table"),
    check=_check,
)
