"""Databases have no second home."""

from collections.abc import Iterator
from typing import Final

from policies.application import Resource, View
from policies.rule import Rule

_GLOBAL: Final = (
    "AWS::RDS::GlobalCluster",
    "AWS::DocDB::GlobalCluster",
    "AWS::Neptune::GlobalCluster",
    "AWS::NeptuneGraph::",
    "AWS::ElastiCache::GlobalReplicationGroup",
    "AWS::MemoryDB::MultiRegionCluster",
    "AWS::DSQL::Cluster",
)
_KEYS: Final = (
    "GlobalClusterIdentifier",
    "GlobalReplicationGroupId",
    "MultiRegionClusterName",
    "AutomaticBackupReplicationRegion",
    "DestinationRegion",
    "SnapshotCopyGrantName",
    "SnapshotCopyConfigurations",
    "GlobalTableWitnesses",
)
"""By which a database joins a global one, or sends its backups and snapshots away."""


def _check(resource: Resource, view: View) -> Iterator[str]:
    del view
    if resource.type.startswith(_GLOBAL):
        yield f"{resource.type}: it replicates data to other regions"
    for key in _KEYS:
        if resource.properties.get(key):
            yield f"{key} copies its data to another region; remove it"


RULE = Rule(
    id="residency.database-replica",
    title="No global database, no copy of its snapshots",
    reason=(
        "A global database replicates all its data to clusters in other regions, and a copied "
        "snapshot is a whole database."
    ),
    source=(
        "https://docs.aws.amazon.com/AmazonRDS/latest/AuroraUserGuide/aurora-global-database.html"
    ),
    controls=("PDPL-22", "HEALTH-13", "CBUAE-6.1", "CBUAE-6.3"),
    types=(
        "AWS::RDS::*",
        "AWS::DocDB::*",
        "AWS::DynamoDB::*",
        "AWS::Neptune::*",
        "AWS::NeptuneGraph::*",
        "AWS::ElastiCache::*",
        "AWS::MemoryDB::*",
        "AWS::DSQL::Cluster",
        "AWS::Redshift::*",
        "AWS::RedshiftServerless::*",
    ),
    check=_check,
)
