"""No address of an AWS service that is answered abroad."""

import re
from collections.abc import Iterator
from typing import Final

from policies.application import Resource, View
from policies.rule import ALL, Rule

_GLOBAL: Final = re.compile(
    r"https?://(?:[\w${}.-]+\.)?((?:s3|sts|iam|sns|sqs|ecr|kms|logs|dynamodb)\.amazonaws\.com)"
)


def _check(resource: Resource, view: View) -> Iterator[str]:
    del view
    for path, text in resource.texts:
        for host in _GLOBAL.findall(text):
            yield f"{path} calls {host}, which is answered outside the region"


RULE = Rule(
    id="residency.global-endpoint",
    title="No global AWS endpoint is called",
    reason=(
        "An address without a region, such as https://sts.amazonaws.com, is answered in us-east-1."
    ),
    source="https://docs.aws.amazon.com/general/latest/gr/rande.html",
    controls=("PDPL-22", "HEALTH-13", "CBUAE-6.1", "ISO-5.14"),
    types=ALL,
    check=_check,
)
