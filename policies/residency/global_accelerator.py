"""No traffic enters through edge locations."""

from policies.rule import Rule, forbid

RULE = Rule(
    id="residency.global-accelerator",
    title="No Global Accelerator",
    reason="Global Accelerator ends connections at edge locations around the world.",
    source=(
        "https://docs.aws.amazon.com/global-accelerator/latest/dg/what-is-global-accelerator.html"
    ),
    controls=("PDPL-22", "ISO-8.20", "IAR-T4"),
    types=("AWS::GlobalAccelerator::*",),
    check=forbid("it takes traffic in at edge locations abroad"),
)
