"""Endpoints lead to AWS's own services."""

import re
from collections.abc import Iterator
from typing import Final

from falaj.contract import REGION
from policies.application import Resource, View
from policies.references import undecided
from policies.rule import Rule

_AWS_SERVICE: Final = re.compile(
    rf"(?:com\.amazonaws|aws\.api|aws\.sagemaker)\.{REGION}\.[\w.-]+"
    rf"|(?:com\.amazonaws\.vpce\.{REGION}\.)?\$\{{[A-Za-z0-9]+\}}"
)
"""A service of the region; or one that a resource of this template offers."""


def _check(resource: Resource, view: View) -> Iterator[str]:
    if resource.type != "AWS::EC2::VPCEndpoint":
        yield f"{resource.type} opens this network to other ones"
        return
    for key in ("ServiceNetworkArn", "ResourceConfigurationArn"):
        if resource.properties.get(key):
            yield f"{key} leads to resources that these rules do not see"
    service = str(resource.properties.get("ServiceName", ""))
    is_ours = _AWS_SERVICE.fullmatch(service) and not undecided(service, view)
    if service and not is_ours:
        yield f"{service} is no service of AWS in {REGION}"


RULE = Rule(
    id="residency.private-link",
    title="No endpoint to somebody else's service",
    reason=(
        "An endpoint service belongs to whoever offers it, and may be offered from another "
        "account and another region; no gateway is needed to send data there."
    ),
    source="https://docs.aws.amazon.com/vpc/latest/privatelink/privatelink-access-saas.html",
    controls=("PDPL-22", "CBUAE-6.3", "ISO-8.12", "ISO-8.20", "IAR-T4"),
    types=("AWS::EC2::VPCEndpoint", "AWS::VpcLattice::*"),
    check=_check,
)
