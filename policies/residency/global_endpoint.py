"""No address of an AWS service that is answered abroad."""

import re
from collections.abc import Iterator
from typing import Final

from falaj.contract import REGION
from policies.application import Resource, View
from policies.references import without_placeholders
from policies.rule import ALL, Rule

_HOST: Final = re.compile(
    r"(?i)(https?://|(?<![\w/.-]))((?:[\w*\0-]+\.)*"
    r"(?:amazonaws\.com|api\.aws|on\.aws|cloudfront\.net|awsglobalaccelerator\.com))(?![\w-])"
)
_NAMED_ONLY: Final = re.compile(
    r"(?i)Principal|Condition|PassedToService|AWSServiceName|eventSource|EventPattern"
)
"""Where `lambda.amazonaws.com` is the name of a service, which nobody calls."""
_LEGACY: Final = ("AWS_STS_REGIONAL_ENDPOINTS", "AWS_S3_US_EAST_1_REGIONAL_ENDPOINT")


def _check(resource: Resource, view: View) -> Iterator[str]:
    del view
    for path, text in resource.texts:
        if path.endswith(_LEGACY) and text == "legacy":
            yield f"{path} is legacy, which sends calls to us-east-1; write regional"
        for scheme, host in _HOST.findall(without_placeholders(text)):
            if scheme or not _NAMED_ONLY.search(path):
                yield from _abroad(path, host)


def _abroad(path: str, host: str) -> Iterator[str]:
    labels = host.lower().split(".")
    if REGION not in labels and "\0" not in labels[-3:-2]:  # the region of a resource of ours
        yield f"{path} calls {host.replace(chr(0), '…')}, which is answered outside the region"


RULE = Rule(
    id="residency.global-endpoint",
    title="No global AWS endpoint is called",
    reason=(
        "An address without a region, such as https://sts.amazonaws.com, is answered in us-east-1, "
        "and one of CloudFront's anywhere."
    ),
    source="https://docs.aws.amazon.com/general/latest/gr/rande.html",
    controls=("PDPL-22", "HEALTH-13", "CBUAE-6.1", "ISO-5.14"),
    types=ALL,
    check=_check,
)
