"""What is recorded of tenants' keys themselves: one was made, some were destroyed, by whom and why.

Keys are named by their random ids, never by their tenant: a record outlives what it tells of, and
must not bring back whose records the destroyed keys were in.
"""

import re
from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from typing import Any, Final

from falaj.capture.keyring import ID_DIGITS
from falaj.errors import MalformedRequestError

KEY_EVENT: Final = "keys"
"""What `{"falaj": …}` says to the recorder."""
KEYS: Final = "(keys)"
"""Under which such records stand; no model is called so."""
LONGEST: Final = 500
_ID: Final = re.compile(rf"[0-9a-f]{{{ID_DIGITS}}}")


class KeyVerb(StrEnum):
    """What happens to keys."""

    MAKE = "make"
    ERASE = "erase"
    """Recorded before keys are destroyed, which is not done unless it could be recorded."""
    ERASED = "erased"


def key_event(verb: KeyVerb, keys: tuple[str, ...], *, actor: str, reason: str) -> dict[str, Any]:
    """Return what the recorder is asked to record."""
    return {
        "falaj": KEY_EVENT,
        "verb": verb.value,
        "keys": list(keys),
        "actor": actor,
        "reason": reason,
    }


def key_record(event: Mapping[str, Any], now: datetime) -> dict[str, Any]:
    """Return the record of such an event.

    Raises:
        MalformedRequestError: It does not say what is done to which keys, by whom and why.
    """
    verb, keys = event.get("verb"), event.get("keys")
    told = {name: event.get(name) for name in ("actor", "reason")}
    if verb not in set(KeyVerb):
        raise MalformedRequestError(f"verb: write one of {', '.join(KeyVerb)}")
    if not (isinstance(keys, list) and all(isinstance(k, str) and _ID.fullmatch(k) for k in keys)):
        raise MalformedRequestError("keys: write the ids of tenants' keys, 8 hex digits each")
    for name, text in told.items():
        if not (isinstance(text, str) and 0 < len(text) <= LONGEST):
            raise MalformedRequestError(f"{name}: write 1 to {LONGEST} characters")
    return {"at": now.isoformat(), "model": KEYS, "operation": verb, "keys": keys, **told}
