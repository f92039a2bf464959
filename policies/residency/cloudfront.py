"""No content is served from edge locations."""

from policies.rule import Rule, forbid

RULE = Rule(
    id="residency.cloudfront",
    title="No CloudFront",
    reason="CloudFront caches and logs in edge locations around the world.",
    source="https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/Introduction.html",
    controls=("PDPL-22", "HEALTH-13", "CBUAE-6.1"),
    types=("AWS::CloudFront::*",),
    check=forbid("its edge locations lie outside the country; serve from the regional API"),
)
