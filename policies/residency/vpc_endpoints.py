"""A network without a way out has ways to AWS."""

from collections.abc import Iterator
from typing import Final

from falaj.contract import REGION
from policies.application import Resource, View
from policies.rule import Rule

NEEDED: Final = ("dynamodb", "kms", "logs", "s3", "ssm")
"""What every function of ours calls: state, keys, logs, artefacts, settings."""


def _check(resource: Resource, view: View) -> Iterator[str]:
    names = {
        str(endpoint.properties.get("ServiceName", ""))
        for endpoint in view.of_type("AWS::EC2::VPCEndpoint")
        if endpoint.properties.get("VpcId") in {f"${{{resource.id}}}", f"${{{resource.id}.VpcId}}"}
    }
    for service in NEEDED:
        if f"com.amazonaws.{REGION}.{service}" not in names:
            yield f"it has no endpoint for {service}"


RULE = Rule(
    id="residency.vpc-endpoints",
    title="Every network has its VPC endpoints",
    reason=(
        "Where an endpoint is missing, the next engineer opens a route to the internet to "
        "reach the service."
    ),
    source=(
        "https://docs.aws.amazon.com/vpc/latest/privatelink/aws-services-privatelink-support.html"
    ),
    controls=("PDPL-22", "ISO-8.20", "IAR-T4"),
    types=("AWS::EC2::VPC",),
    check=_check,
)
