"""Nothing is sent to, or taken from, another account."""

import re
from collections.abc import Iterator
from typing import Final

from policies.application import Resource, View
from policies.references import arns
from policies.rule import ALL, Rule

_KEY: Final = re.compile(
    r"(?:Account(?:Id)?s?|TargetAccountIds|RegistryId|MemberId|MasterId|BucketOwner|AwsAccountId)(?:\[\d+\])?$"
)
"""How schemas name an account beside an ARN."""
_SEEN_ELSEWHERE: Final = re.compile(r"(?:Certificate\w*Arn|Layers|Principal)\b")
"""A certificate carries nothing; layers and principals have rules of their own."""


def _check(resource: Resource, view: View) -> Iterator[str]:
    for path, text in resource.texts:
        if _SEEN_ELSEWHERE.search(path):
            continue
        named = {arn.account for arn in arns(text)}
        if _KEY.search(path):
            named.add(text)
        for account in sorted(named):
            if view.is_foreign(account):
                yield f"{path} names account {account}, which is not {_own(view)}"


def _own(view: View) -> str:
    return view.stack.account or "said to be this one; write AWS::AccountId, or set falaj:account"


RULE = Rule(
    id="residency.foreign-account",
    title="No sink, source or key of another account",
    reason=(
        "What a subscription, a stream, a link or a copy hands to another account lies where "
        "that account's operator puts it."
    ),
    source=(
        "https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/"
        "CloudWatch-Unified-Cross-Account.html"
    ),
    controls=("PDPL-22", "PDPL-23", "HEALTH-13", "CBUAE-6.1", "CBUAE-6.3", "ISO-8.12"),
    types=ALL,
    check=_check,
)
