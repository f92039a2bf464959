"""Databases have no second home."""

from policies.rule import Rule, forbid

RULE = Rule(
    id="residency.database-replica",
    title="No global database",
    reason="A global database replicates all its data to clusters in other regions.",
    source=(
        "https://docs.aws.amazon.com/AmazonRDS/latest/AuroraUserGuide/aurora-global-database.html"
    ),
    controls=("PDPL-22", "HEALTH-13", "CBUAE-6.1", "CBUAE-6.3"),
    types=(
        "AWS::RDS::GlobalCluster",
        "AWS::DocDB::GlobalCluster",
        "AWS::Neptune::GlobalCluster",
        "AWS::NeptuneGraph::*",
        "AWS::ElastiCache::GlobalReplicationGroup",
        "AWS::MemoryDB::MultiRegionCluster",
        "AWS::DSQL::Cluster",
    ),
    check=forbid("it replicates data to other regions"),
)
