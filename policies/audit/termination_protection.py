"""An enterprise's stack is not deleted by mistake."""

from collections.abc import Iterator

from falaj.contract import PROFILE_TAG
from policies.application import Resource, View
from policies.rule import Rule


def _check(resource: Resource, view: View) -> Iterator[str]:
    del view
    is_enterprise = resource.properties.get("Tags", {}).get(PROFILE_TAG) == "enterprise"
    if is_enterprise and not resource.properties.get("IsProtected"):
        yield "its termination protection is off"


RULE = Rule(
    id="audit.termination-protection",
    title="Enterprise stacks are protected",
    reason="One mistyped command must not take the platform down.",
    source=(
        "https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/"
        "using-cfn-protect-stacks.html"
    ),
    controls=("ISO-8.9", "IAR-T3"),
    types=("Falaj::Stack",),
    check=_check,
)
