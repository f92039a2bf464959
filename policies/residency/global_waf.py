"""Web ACLs are the region's own."""

from collections.abc import Iterator
from typing import Final

from policies.application import Resource, View
from policies.rule import Rule

_SCOPED: Final = tuple(
    f"AWS::WAFv2::{kind}" for kind in ("IPSet", "RegexPatternSet", "RuleGroup", "WebACL")
)


def _check(resource: Resource, view: View) -> Iterator[str]:
    del view
    if resource.type.startswith("AWS::WAF::"):
        yield "AWS WAF Classic is global; use AWS::WAFv2 with Scope REGIONAL"
    elif resource.type in _SCOPED and resource.properties.get("Scope") != "REGIONAL":
        yield f"its Scope is {resource.properties.get('Scope')}; write REGIONAL"


RULE = Rule(
    id="residency.global-waf",
    title="No global WAF",
    reason=(
        "A web ACL with scope CLOUDFRONT lives in us-east-1 and inspects and logs requests there."
    ),
    source="https://docs.aws.amazon.com/waf/latest/developerguide/waf-chapter.html",
    controls=("PDPL-22", "HEALTH-13", "CBUAE-6.1"),
    types=("AWS::WAFv2::*", "AWS::WAF::*"),
    check=_check,
)
