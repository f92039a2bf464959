"""What synthesis staged and no assembly names any more goes, once nobody has used it for a day.

Copies are named by their content and kept from synthesis to synthesis, in `.build` and in
`cdk.out`. Each use marks its folder (`infra.bundling.trees.place`). Other processes may be
synthesizing meanwhile, into this folder or another: they have marked what they are about to name. A
running region keeps copies of its own of all that it serves.
"""

import json
import shutil
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from falaj.domain.clock import Clock

UNUSED_FOR: Final = timedelta(days=1)
ASSET: Final = "asset."
SHELVES: Final = ("layers/*/*", "functions/*", "model-roots/*", "image")
"""Folders below `.build` that hold copies by digest."""


def drop_leftovers(build: Path, cdk_out: Path, clock: Clock) -> tuple[Path, ...]:
    """Remove unnamed and long unused copies; return what was removed.

    Args:
        build: The build folder; the newest copy of each shelf stays, for whoever builds for Lambda.
        cdk_out: The assembly, complete.
        clock: Tells what was used of late.
    """
    try:
        named = _named(cdk_out)
    except (OSError, ValueError):  # somebody else is writing it anew: another time
        return ()
    digests = {name.removeprefix(ASSET) for name in named}
    copies = [
        *(path for path in cdk_out.glob(f"{ASSET}*") if path.name not in named),
        *(
            copy
            for pattern in SHELVES
            for shelf in build.glob(pattern)
            for copy in _older(shelf)
            if not any(digest.startswith(copy.name) for digest in digests)
        ),
    ]
    before = clock.now() - UNUSED_FOR
    return tuple(copy for copy in copies if _last_used(copy) < before and _remove(copy, before))


def _named(cdk_out: Path) -> frozenset[str]:
    """Return the names of all that an assembly's manifests of assets refer to.

    Source:
        The cloud assembly schema, github.com/aws/aws-cdk-cli,
        packages/@aws-cdk/cloud-assembly-schema (`<stack>.assets.json`), read 2026-11-22.
    """
    names = set[str]()
    for manifest in cdk_out.glob("*.assets.json"):
        assets = json.loads(manifest.read_text(encoding="utf-8"))
        for kind in ("files", "dockerImages"):
            sources = (asset["source"] for asset in assets.get(kind, {}).values())
            for source in sources:
                place = source.get("path") or source.get("directory") or ""
                names.add(Path(place).parts[0] if place else "")
    return frozenset(names)


def _older(shelf: Path) -> Iterator[Path]:
    """Yield a shelf's copies, all but the one that was used last."""
    copies = sorted((path for path in shelf.iterdir() if path.is_dir()), key=_last_used)
    yield from copies[:-1]


def _last_used(path: Path) -> datetime:
    try:
        return datetime.fromtimestamp(path.stat().st_mtime, UTC)
    except OSError:  # somebody else has just removed it
        return datetime.max.replace(tzinfo=UTC)


def _remove(path: Path, before: datetime) -> bool:
    """Take a copy out of sight whole, then remove it; put it back if it was used just then."""
    grave = path.with_name(f".{path.name}.dropped")
    with suppress(OSError):
        path.rename(grave)
        if _last_used(grave) >= before:
            grave.rename(path)
            return False
    if grave.is_dir():
        shutil.rmtree(grave, ignore_errors=True)
    else:
        grave.unlink(missing_ok=True)
    return not path.exists()
