"""No string of a template names another region."""

from policies.region import other_regions
from policies.rule import ALL, Rule, mention

RULE = Rule(
    id="residency.other-region",
    title="No other region is named",
    reason="A region's name in an ARN, URL or property is how data starts to leave the country.",
    source="https://docs.aws.amazon.com/global-infrastructure/latest/regions/aws-regions.html",
    controls=("PDPL-22", "PDPL-23", "HEALTH-13", "CBUAE-6.1", "CBUAE-6.3", "ISO-5.14"),
    types=ALL,
    check=mention(other_regions, "names {found}"),
)
