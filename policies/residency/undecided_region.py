"""No region is left to whoever deploys."""

import re
from collections.abc import Iterator
from typing import Final

from policies.application import Resource, View
from policies.references import undecided
from policies.rule import ALL, Rule
from policies.statements import IDENTITY, statements

_KEY: Final = re.compile(r"(?i)region(?:s|name|list)?(?:\[\d+\])?$")
"""`PeerRegion`, `VPCRegion`, `RegionName`, `AwsRegions[0]`, `AWS_REGION`: how schemas name one."""
_ARN_REGION: Final = re.compile(r"arn:[^:]*:[^:]*:(\$\{[^}]*\}|\{\{[^}]*\}\}):")
_EVERY: Final = re.compile(r"arn:[^:]*:[^:]*:([^:]*[*?][^:]*):")


def _check(resource: Resource, view: View) -> Iterator[str]:
    for path, text in resource.texts:
        if "${" in text or "{{" in text:
            yield from _left_open(path, text, view)
    for statement in statements(resource, IDENTITY):
        for thing in statement.resources if statement.is_allow else ():
            if _EVERY.match(thing):
                yield f"a right on {thing} holds in every region; write AWS::Region"


def _left_open(path: str, text: str, view: View) -> Iterator[str]:
    if _KEY.search(path):
        for name in undecided(text, view):
            yield f"{path} is decided by {name} at deployment; write AWS::Region"
    for placeholder in _ARN_REGION.findall(text):
        for name in undecided(placeholder, view):
            yield f"{path} names an ARN whose region {name} decides; write AWS::Region"


RULE = Rule(
    id="residency.undecided-region",
    title="No region is decided at deployment",
    reason=(
        "A region that is a parameter, an import or a wildcard is whatever it is on the day, "
        "and no check before deployment says which."
    ),
    source="https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/parameters-section-structure.html",
    controls=("PDPL-22", "HEALTH-13", "CBUAE-6.1", "ISO-8.9"),
    types=ALL,
    check=_check,
)
