"""What is kept of one request for auditors, taken from the one line that it leaves."""

import re
from collections.abc import Iterable, Mapping
from typing import Any, Final

from falaj.contract import DIMENSION_MODEL

AUDIT: Final = "audit"
"""Key of the line under which a capturing function puts what only it knows."""

_FROM_LINE: Final = {
    "at": "timestamp",
    "version": "model_version",
    "digest": "model_digest",
    "release": "release",
    "variant": "variant",
    "operation": "message",
    "status": "status",
    "outcome": "outcome",
    "request_id": "request_id",
}
_FROM_AUDIT: Final = ("tenant", "who", "input", "stream", "number", "fault")
BEGUN: Final = "begun"
"""In what a request leaves before it is worked on; its end, with the same number, says the rest."""
_COUNT: Final = "count"
"""In records that stand for several requests, each refused alike."""

RANDOM_ID: Final = re.compile(r"[0-9a-fA-F]{32}|[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
"""A UUID, or as many digits without hyphens: no number that a state or a bank gives looks so.

An id that a caller has made up goes into logs and records only where it looks so."""


def audit_record(line: Mapping[str, Any], *, event: str) -> dict[str, Any] | None:
    """Return the record of a request; None for lines that are not of one.

    Args:
        line: The function's line, as JSON values.
        event: CloudWatch's id of the line, by which one that was delivered twice is known.
    """
    audit = line.get(AUDIT)
    if not isinstance(audit, Mapping):
        return None
    return {
        "event": event,
        **{name: line.get(key) for name, key in _FROM_LINE.items()},
        **{name: audit.get(name) for name in _FROM_AUDIT},
        # What was too malformed to name a model came to the function of one all the same.
        "model": line.get("model_name") or line.get(DIMENSION_MODEL),
        **{name: audit[name] for name in (_COUNT, BEGUN) if name in audit},
    }


def without_begun(records: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """Leave out the beginnings of requests whose end is there as well.

    Example:
        >>> request = {"stream": "a", "number": 1}
        >>> without_begun([request | {"begun": True}, request])
        [{'stream': 'a', 'number': 1}]
    """
    known = list(records)
    ended = {(r.get("stream"), r.get("number")) for r in known if not r.get(BEGUN)}
    return [
        record
        for record in known
        if not record.get(BEGUN) or (record.get("stream"), record.get("number")) not in ended
    ]
