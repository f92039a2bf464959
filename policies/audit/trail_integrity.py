"""The trail notices when it is altered."""

from collections.abc import Iterator

from policies.application import Resource, View
from policies.rule import Rule
from policies.values import is_true


def _check(resource: Resource, view: View) -> Iterator[str]:
    del view
    for flag in ("IsLogging", "EnableLogFileValidation"):
        if not is_true(resource.properties.get(flag)):
            yield f"{flag} is not on"
    if not resource.properties.get("KMSKeyId"):
        yield "it has no KMSKeyId; name a customer key"


RULE = Rule(
    id="audit.trail-integrity",
    title="CloudTrail validates its files",
    reason="A trail that can be edited without notice protects the intruder.",
    source=(
        "https://docs.aws.amazon.com/awscloudtrail/latest/userguide/"
        "cloudtrail-log-file-validation-intro.html"
    ),
    controls=("ISO-8.15", "ISO-8.16", "IAR-T3"),
    types=("AWS::CloudTrail::Trail",),
    check=_check,
)
