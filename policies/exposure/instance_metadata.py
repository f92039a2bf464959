"""A machine's credentials are had by tokens only."""

from collections.abc import Iterator

from policies.application import Resource, View
from policies.rule import Rule
from policies.values import at


def _check(resource: Resource, view: View) -> Iterator[str]:
    del view
    holder = "LaunchTemplateData." if resource.type == "AWS::EC2::LaunchTemplate" else ""
    options = at(resource.properties, f"{holder}MetadataOptions")
    if at(options, "HttpEndpoint") == "disabled":
        return
    if at(options, "HttpTokens") != "required":
        yield f"MetadataOptions.HttpTokens is {at(options, 'HttpTokens')}; write required"
    hops = at(options, "HttpPutResponseHopLimit")
    if hops is not None and str(hops) != "1":
        yield f"HttpPutResponseHopLimit is {hops}, which lets containers ask too; write 1"


RULE = Rule(
    id="exposure.instance-metadata",
    title="Instance metadata asks for tokens (IMDSv2)",
    reason=(
        "Without a token, any request that a program can be tricked into sends the machine's "
        "credentials to whoever asked for it."
    ),
    source=(
        "https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/"
        "configuring-instance-metadata-service.html"
    ),
    controls=("ISO-5.17", "ISO-8.3", "IAR-T5"),
    types=("AWS::EC2::LaunchTemplate", "AWS::EC2::Instance"),
    check=_check,
)
