"""No content is served from edge locations."""

from collections.abc import Iterator
from typing import Final

from policies.application import Resource, View
from policies.rule import Rule
from policies.values import at

_ZONES: Final = {"Z2FDTNDATAQYW2": "CloudFront", "Z2BJ6XQ5FK7U4H": "Global Accelerator"}
"""Hosted zones that alias records name.

Source: docs.aws.amazon.com/general/latest/gr/cf_region.html and …/global_accelerator.html.
"""


def _check(resource: Resource, view: View) -> Iterator[str]:
    del view
    if resource.type.startswith("AWS::CloudFront::"):
        yield (
            f"{resource.type}: its edge locations lie outside the country; serve from the regional "
            "API"
        )
    if resource.type.startswith("AWS::AppSync::DomainName"):
        yield "a custom domain of AppSync is served through CloudFront; use the API's own address"
    if at(resource.properties, "CustomDomainConfig"):
        yield "CustomDomainConfig serves a user pool through CloudFront; use a prefix domain"
    for path, text in resource.texts:
        if text in _ZONES:
            yield f"{path} is {text}, the zone of {_ZONES[text]}, whose nodes lie abroad"
        if "edgelambda.amazonaws.com" in text:
            yield f"{path} lets Lambda@Edge take the role, which runs in edge locations"


RULE = Rule(
    id="residency.cloudfront",
    title="No CloudFront, no Lambda@Edge",
    reason="CloudFront caches and logs in edge locations around the world.",
    source="https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/Introduction.html",
    controls=("PDPL-22", "HEALTH-13", "CBUAE-6.1"),
    types=(
        "AWS::AppSync::DomainName*",
        "AWS::CloudFront::*",
        "AWS::Cognito::UserPoolDomain",
        "AWS::IAM::Role",
        "AWS::Route53::*",
    ),
    check=_check,
)
