"""Images are neither copied out nor drawn from outside."""

from policies.rule import Rule, forbid

RULE = Rule(
    id="residency.image-replication",
    title="No replication or pull-through of images",
    reason=(
        "Registry replication sends images to other regions, and a pull-through cache runs "
        "what a foreign registry serves."
    ),
    source="https://docs.aws.amazon.com/AmazonECR/latest/userguide/replication.html",
    controls=("PDPL-22", "HEALTH-13", "CBUAE-6.1"),
    types=(
        "AWS::ECR::ReplicationConfiguration",
        "AWS::ECR::PullThroughCacheRule",
        "AWS::ECR::RepositoryCreationTemplate",
        "AWS::ECR::RegistryPolicy",
        "AWS::ECR::PublicRepository",
    ),
    check=forbid("images must come from and stay in this account and region"),
)
