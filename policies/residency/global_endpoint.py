"""No address of an AWS service that is answered abroad."""

import re
from typing import Final

from policies.rule import ALL, Rule, mention

_GLOBAL: Final = re.compile(
    r"https?://(?:[\w${}.-]+\.)?((?:s3|sts|iam|sns|sqs|ecr|kms|logs|dynamodb)\.amazonaws\.com)"
)


RULE = Rule(
    id="residency.global-endpoint",
    title="No global AWS endpoint is called",
    reason=(
        "An address without a region, such as https://sts.amazonaws.com, is answered in us-east-1."
    ),
    source="https://docs.aws.amazon.com/general/latest/gr/rande.html",
    controls=("PDPL-22", "HEALTH-13", "CBUAE-6.1", "ISO-5.14"),
    types=ALL,
    check=mention(_GLOBAL.findall, "calls {found}, which is answered outside the region"),
)
