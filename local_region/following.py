"""Follows a synthesis: what is synthesized again is deployed again, while requests go on."""

import asyncio
import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Final

from falaj.errors import ConfigurationError
from local_region.assembly import MANIFEST
from local_region.progress import Event, UpdateRefused
from local_region.region import Region

LOOKED_AT_EVERY_S: Final = 0.5


async def follow(region: Region, cdk_out: Path, tell: Callable[[Event], None]) -> None:
    """Update the region whenever the assembly's manifest has changed and stays as it is.

    The manifest names every template by its digest and is written last. One that cannot be applied
    is told; the region goes on with what it has, until the next.
    """
    applied = seen = fingerprint(cdk_out)
    while True:
        await asyncio.sleep(LOOKED_AT_EVERY_S)
        found = fingerprint(cdk_out)
        is_still, seen = found == seen, found
        if not is_still or found in {applied, ""}:
            continue
        applied = found
        try:
            await region.update(cdk_out)
        except ConfigurationError as error:
            tell(UpdateRefused(faults=tuple(error.faults)))


def fingerprint(cdk_out: Path) -> str:
    """Return a digest of an assembly's manifest; empty while there is none."""
    try:
        return hashlib.sha256((cdk_out / MANIFEST).read_bytes()).hexdigest()
    except OSError:
        return ""
