"""What the region offers, and how other regions are called."""

import json
import re
from functools import cache
from pathlib import Path
from typing import Final

from falaj.contract import REGION

FACTS_FILE: Final = Path(__file__).with_name(f"{REGION}.json")
"""Availability zone ids, GPU types and CloudFormation types of the region; the only copy."""

_REGION: Final = re.compile(
    r"(?<![a-z0-9])"
    r"(?:us-gov|us-isob?|us-isof|eu-isoe|eusc|us|eu|ap|sa|ca|me|af|il|mx|cn)-"
    r"(?:north|south|east|west|central|northeast|northwest|southeast|southwest|de-east)-\d"
    r"(?![0-9])"
)
"""The shape of every AWS region's name; by shape, so that a region opened tomorrow is seen.

Source: docs.aws.amazon.com/global-infrastructure/latest/regions/aws-regions.html, read 2026-11-22.
"""

_ZONE: Final = re.compile(r"(?<![a-z0-9])(?!mec1-)[a-z]{3,5}\d-(?:[a-z]{2,3}\d-)?az\d(?![0-9])")
"""Availability zone ids name their region, `use1-az2`; so do names of directory buckets.

Source: docs.aws.amazon.com/ram/latest/userguide/working-with-az-ids.html, read 2026-11-22.
"""

_PARTITION: Final = re.compile(
    r"arn:aws-[a-z-]+|amazonaws\.com\.cn|(?<![\w-])aws(?:-[a-z-]+)?-global"
)
"""China, GovCloud and the sovereign clouds are other partitions; `aws-global` is us-east-1.

Source: docs.aws.amazon.com/IAM/latest/UserGuide/reference-arns.html, read 2026-11-22.
"""


@cache
def offered_types() -> frozenset[str]:
    """Return the CloudFormation types that the region knows."""
    return frozenset(json.loads(FACTS_FILE.read_text(encoding="utf-8"))["cfn_types"])


def other_regions(text: str) -> list[str]:
    """Return every region, partition and availability zone but ours that a text names, sorted.

    Example:
        >>> other_regions("arn:aws:sns:eu-west-1:1:t and me-central-1a")
        ['eu-west-1']
        >>> other_regions("arn:aws-cn:s3:::b, mec1-az1, use1-az4")
        ['arn:aws-cn', 'use1-az4']
    """
    if "-" not in text:
        return [] if ".com.cn" not in text else ["amazonaws.com.cn"]
    lower = text.lower()
    found = {*_REGION.findall(lower), *_ZONE.findall(lower), *_PARTITION.findall(lower)}
    return sorted(found - {REGION})
