"""Feedback as callers send it becomes outcomes, or every fault at once."""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any, Final

from falaj.errors import MalformedRequestError, PayloadTooLargeError
from falaj.experiments.records import Outcome

MOST_OUTCOMES: Final = 100
MOST_BYTES: Final = 64 * 1024
AHEAD: Final = timedelta(minutes=5)
"""How far a caller's clock may be ahead of ours."""
LATEST: Final = timedelta(days=90)
"""How long after it happened an outcome is still taken."""

_EXACT: Final = 1 << 53  # whole numbers below are the same in every language
_FAULTS_TOLD: Final = 10
_INFERENCE: Final = re.compile(r"[A-Za-z0-9._:;=@/+-]{1,128}")
_METRIC: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,62}")
_ID: Final = re.compile(r"[^\x00-\x1f\x7f\ud800-\udfff]{0,128}")
_LABEL: Final = re.compile(r"[^\x00-\x1f\x7f\ud800-\udfff]{1,256}")
_KEYS: Final = ("inference_id", "metric", "value", "at", "id")


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """What became of feedback.

    Attributes:
        accepted: Outcomes that were new.
        duplicates: Outcomes that had been told already, word for word.
        conflicts: Outcomes that had been told otherwise; what was told first stays.
    """

    accepted: int
    duplicates: int = 0
    conflicts: int = 0

    def to_dict(self) -> dict[str, int]:
        """Write the answer's body."""
        return {
            "accepted": self.accepted,
            "duplicates": self.duplicates,
            "conflicts": self.conflicts,
        }


def identity_of(outcome: Outcome) -> str:
    """Name what an outcome is about: two of one identity are one outcome told twice.

    Example:
        >>> first = Outcome(inference_id="r-1", metric="clicked", value=True, at=0.0)
        >>> again = Outcome(inference_id="r-1", metric="clicked", value=False, at=9.0)
        >>> identity_of(first) == identity_of(again)
        True
    """
    text = json.dumps([outcome.inference_id, outcome.metric, outcome.id])
    return sha256(text.encode()).hexdigest()[:40]


def outcomes_in(body: bytes, *, received: datetime) -> tuple[Outcome, ...]:
    """Read one outcome or a list of them.

    Args:
        body: JSON: `{"inference_id", "metric", "value", "at"?, "id"?}`, or a list of such.
        received: Now; also when an outcome without `at` happened.

    Raises:
        PayloadTooLargeError: There is too much of it.
        MalformedRequestError: It is something else, or says something that cannot be; with the
            first ten faults, each with its place in the list.
    """
    items = _items(body)
    faults: list[str] = []
    outcomes = []
    for number, item in enumerate(items, 1):
        try:
            outcomes.append(_outcome(item, received))
        except ValueError as error:
            faults.append(f"outcome {number}: {error}" if len(items) > 1 else str(error))
    if faults:
        more = len(faults) - _FAULTS_TOLD
        told = faults[:_FAULTS_TOLD] + ([f"and {more} more"] if more > 0 else [])
        raise MalformedRequestError("; ".join(told))
    return tuple(outcomes)


def _items(body: bytes) -> Sequence[Any]:
    if len(body) > MOST_BYTES:
        raise PayloadTooLargeError(
            what="the feedback", limit=MOST_BYTES, mend="send fewer outcomes at a time"
        )
    try:
        value = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise MalformedRequestError(f"the feedback is not JSON: {error}") from error
    items = value if isinstance(value, list) else [value]
    if not items:
        raise MalformedRequestError("the list of outcomes is empty")
    if len(items) > MOST_OUTCOMES:
        raise PayloadTooLargeError(
            what="the number of outcomes", limit=MOST_OUTCOMES, mend="send them in several calls"
        )
    return items


def _outcome(item: object, received: datetime) -> Outcome:
    if not isinstance(item, Mapping):
        raise ValueError("write an object with inference_id, metric and value")  # noqa: TRY004
    if unknown := [key for key in item if key not in _KEYS]:
        raise ValueError(f"unknown key {unknown[0][:60]!r}; known: {', '.join(_KEYS)}")
    return Outcome(
        inference_id=_text(item, "inference_id", _INFERENCE, "the x-request-id of the answer"),
        metric=_text(item, "metric", _METRIC, "a name of letters, digits, _ . - (at most 63)"),
        value=_value(item.get("value")),
        at=_instant(item.get("at"), received),
        id=_text(item, "id", _ID, "printable text (at most 128)", default=""),
    )


def _text(
    item: Mapping[str, Any],
    key: str,
    pattern: re.Pattern[str],
    what: str,
    *,
    default: str | None = None,
) -> str:
    value = item.get(key, default)
    if isinstance(value, str) and pattern.fullmatch(value):
        return value
    raise ValueError(f"{key} is {what}" if key in item else f"{key} is missing: {what}")


def _value(value: object) -> float | bool | str:
    if isinstance(value, bool):
        return value
    if isinstance(value, int | float) and abs(value) < _EXACT:  # which no NaN is
        return float(value)
    if isinstance(value, str) and _LABEL.fullmatch(value):
        return value
    raise ValueError(
        "value is a number between ±2^53, true or false, or a label (1 to 256 characters)"
    )


def _instant(value: object, received: datetime) -> float:
    now = received.timestamp()
    if value is None:
        return now
    at = _seconds(value)
    if at > now + AHEAD.total_seconds():
        raise ValueError(f"at lies more than {AHEAD.seconds // 60} minutes in the future")
    if at < now - LATEST.total_seconds():
        raise ValueError(f"at lies more than {LATEST.days} days back")
    return at


def _seconds(value: object) -> float:
    """Read seconds since the epoch, or an ISO 8601 instant that says its time zone."""
    if isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < _EXACT:
        return float(value)
    try:
        instant = datetime.fromisoformat(value) if isinstance(value, str) else None
        if instant is not None and instant.tzinfo is not None:
            return instant.timestamp()
    except (ValueError, OverflowError):
        pass
    return _no_instant()


def _no_instant() -> float:
    raise ValueError("at is seconds since the epoch, or 2026-11-22T12:00:00Z with its time zone")
