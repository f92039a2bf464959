"""What a versioned bucket still holds of each key: the first that was written is the trail's.

Object Lock keeps versions, not keys: whoever may write can put another version above one, or a
delete marker, and lists of objects then show what he wants. A segment is written once, so anything
above it is a fault by itself, and what lies below is examined.

Source:
    docs.aws.amazon.com/AmazonS3/latest/userguide/object-lock.html ("Object Lock does not prevent
    new versions of the object from being created") and DeleteMarker.html; API_ListObjectVersions
    (by key, the newest first), read 2026-11-22.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, groupby
from typing import Any, Final

_SIZE: Final = "Size"
"""What delete markers lack."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Original:
    """What was first written under a key.

    Attributes:
        key: The key.
        version: The version's id; empty where nothing but delete markers is left.
        fault: What lies above it, as a sentence; empty where nothing does.
    """

    key: str
    version: str
    fault: str = ""


def originals(pages: Iterable[Mapping[str, Any]]) -> Iterator[Original]:
    """Yield the original of each key, in the order of keys.

    Args:
        pages: Answers of ListObjectVersions, in order.
    """
    entries = chain.from_iterable(map(_of_page, pages))
    for key, group in groupby(entries, key=lambda entry: str(entry["Key"])):
        found = list(group)
        versions = [entry for entry in found if _SIZE in entry]
        version = str(versions[-1]["VersionId"]) if versions else ""
        markers = [entry for entry in found if _SIZE not in entry]
        yield Original(key=key, version=version, fault=_fault(key, versions[:-1], markers))


def _of_page(page: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Return a page's entries by key; versions among themselves stay in order, newest first."""
    entries = [*page.get("Versions", ()), *page.get("DeleteMarkers", ())]
    return sorted(entries, key=lambda entry: str(entry["Key"]))


def _fault(key: str, above: Sequence[Mapping[str, Any]], markers: Sequence[Any]) -> str:
    done = [f"was written again at {entry['LastModified']}" for entry in above]
    done += [f"was hidden by a delete marker at {entry['LastModified']}" for entry in markers]
    return f"{key} {' and '.join(done)}; what was written first is examined" if done else ""
