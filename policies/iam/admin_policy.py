"""No ready-made policy that allows nearly everything."""

import re
from collections.abc import Iterator
from typing import Final

from falaj.contract import BOUNDARY_PATH
from policies.application import Resource, View
from policies.rule import Rule
from policies.values import items

_WIDE: Final = re.compile(r"Administrator|PowerUser|FullAccess|ReadOnlyAccess$|^IAM")


def _check(resource: Resource, view: View) -> Iterator[str]:
    del view
    for arn in items(resource.properties.get("ManagedPolicyArns")):
        name = str(arn).rpartition("/")[2]
        if "arn:aws:iam::aws:" in str(arn) and _WIDE.search(name):
            yield f"{name} allows nearly everything; write what is needed"
        if f"policy{BOUNDARY_PATH}" in str(arn):
            yield f"{name} is a boundary: attached, it would allow nearly everything"


RULE = Rule(
    id="iam.admin-policy",
    title="No administrator or full-access policy",
    reason=(
        "AWS's managed full-access policies grow by themselves, and none is scoped to our "
        "resources."
    ),
    source=(
        "https://docs.aws.amazon.com/IAM/latest/UserGuide/access_policies_managed-vs-inline.html"
    ),
    controls=("ISO-5.15", "ISO-5.18", "ISO-8.2", "IAR-T5"),
    types=("AWS::IAM::Role", "AWS::IAM::User", "AWS::IAM::Group"),
    check=_check,
)
