"""No service whose trade is moving data."""

from policies.rule import Rule, forbid

RULE = Rule(
    id="residency.transfer-service",
    title="No data transfer service",
    reason=(
        "DataSync, Transfer Family, Migration Service and Snow devices exist to carry data "
        "elsewhere."
    ),
    source="https://docs.aws.amazon.com/datasync/latest/userguide/what-is-datasync.html",
    controls=("PDPL-22", "HEALTH-13", "CBUAE-6.1", "ISO-8.12"),
    types=(
        "AWS::DataSync::*",
        "AWS::Transfer::*",
        "AWS::DMS::*",
        "AWS::MediaConnect::*",
        "AWS::FSx::DataRepositoryAssociation",
    ),
    check=forbid("it carries data to another place"),
)
