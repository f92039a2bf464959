"""Functions are called through the API."""

from collections.abc import Iterator

from policies.application import Resource, View
from policies.rule import Rule


def _check(resource: Resource, view: View) -> Iterator[str]:
    del view
    if resource.properties.get("AuthType") != "AWS_IAM":
        yield f"AuthType is {resource.properties.get('AuthType')}; remove the URL, or write AWS_IAM"


RULE = Rule(
    id="exposure.function-url",
    title="No open function URL",
    reason=(
        "A function URL is a public address beside the API, without its quotas, and open "
        "where AuthType is NONE."
    ),
    source="https://docs.aws.amazon.com/lambda/latest/dg/urls-auth.html",
    controls=("PDPL-20", "ISO-5.15", "ISO-8.3", "IAR-T5"),
    types=("AWS::Lambda::Url",),
    check=_check,
)
