"""What me-central-1 offers, as data read from one file."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Self

from policies.region import FACTS_FILE


@dataclass(frozen=True, slots=True, kw_only=True)
class RegionFacts:
    """The region's availability zones, GPU instance types and CloudFormation types.

    Attributes:
        availability_zone_ids: Zone ids; names such as `me-central-1a` differ between accounts.
        gpu_by_az_id: Zone ids that offer each GPU instance type.
        cfn_types: CloudFormation resource types that the region knows.
        source: Where the lists come from and when they were read.
    """

    availability_zone_ids: tuple[str, ...]
    gpu_by_az_id: Mapping[str, tuple[str, ...]]
    cfn_types: frozenset[str]
    source: str

    @classmethod
    @cache
    def load(cls) -> Self:
        """Read the facts that ship with this package."""
        facts = json.loads(FACTS_FILE.read_text(encoding="utf-8"))
        return cls(
            availability_zone_ids=tuple(facts["availability_zone_ids"]),
            gpu_by_az_id={kind: tuple(ids) for kind, ids in facts["gpu_by_az_id"].items()},
            cfn_types=frozenset(facts["cfn_types"]),
            source=facts["source"],
        )

    def gpu_types_in(self, az_ids: tuple[str, ...]) -> tuple[str, ...]:
        """Return the GPU instance types that at least one of these zones offers."""
        return tuple(
            kind for kind, offered in self.gpu_by_az_id.items() if set(offered) & set(az_ids)
        )
