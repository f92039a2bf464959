"""Requests that wait: what one is called, where it lies, and when it is tried again."""

import json
import re
from dataclasses import dataclass
from hashlib import sha256
from hmac import new as keyed_hash
from typing import Final, Self

from falaj.contract import REQUESTS_PREFIX, RESULTS_PREFIX, SENT_PREFIX

ATTEMPTS: Final = 20
"""Deliveries of a message before it is given up; with the delays below, some three hours."""
FIRST_DELAY_S: Final = 10
LONGEST_DELAY_S: Final = 900
RETRIED: Final = frozenset({429, 503})
"""Answers that say "not now": of a tenant's quota, of a model without room."""

ID: Final = re.compile(r"[0-9a-f]{32}")
IDEMPOTENCY_KEY: Final = re.compile(r"[\x21-\x7e]{1,255}")
"""The draft leaves syntax and length to the server; AWS's own tokens have the same bound.

Source: draft-ietf-httpapi-idempotency-key-header-07, section 2.
"""
_FOLDER_LENGTH: Final = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One asynchronous request.

    Attributes:
        model: Who is asked.
        tenant: The tenant's folder, a pseudonym.
        id: What the caller knows it by.
    """

    model: str
    tenant: str
    id: str

    @property
    def request_key(self) -> str:
        """The object that holds what is asked, and nothing once it is answered."""
        return REQUESTS_PREFIX + self._place

    @property
    def result_key(self) -> str:
        """The object that holds the answer."""
        return RESULTS_PREFIX + self._place

    @property
    def sent_key(self) -> str:
        """The object that says that the request is on the queue."""
        return SENT_PREFIX + self._place

    @property
    def _place(self) -> str:
        return f"{self.model}/{self.tenant}/{self.id}"

    def to_message(self) -> str:
        """Write the queue's message: it names nobody, and holds nothing of what is asked."""
        return json.dumps({"model": self.model, "tenant": self.tenant, "id": self.id})

    @classmethod
    def from_message(cls, text: str) -> Self:
        """Read what `to_message` wrote.

        Raises:
            ValueError: It is something else.
        """
        value = json.loads(text)
        try:
            return cls(model=str(value["model"]), tenant=str(value["tenant"]), id=str(value["id"]))
        except (KeyError, TypeError) as error:
            raise ValueError(f"no message of an asynchronous request: {error!r}") from error


@dataclass(frozen=True, slots=True)
class Names:
    """Gives tenants their folders and repeated requests their id.

    Attributes:
        key: 32 secret bytes: whoever lacks them can neither guess a tenant from a folder nor make
            the id of somebody else's request.
    """

    key: bytes

    def folder(self, tenant: str) -> str:
        """Return the folder of a tenant's requests.

        Example:
            >>> Names(bytes(32)).folder("acme") == Names(bytes(32)).folder("acme")
            True
        """
        return self._digest("tenant", tenant)[:_FOLDER_LENGTH]

    def repeated_id(self, *, tenant: str, model: str, key: str) -> str:
        """Return the id of every request of a tenant to a model with this idempotency key."""
        return self._digest("id", tenant, model, key)[:_FOLDER_LENGTH]

    def digest(self, *parts: bytes) -> str:
        """Return a digest of what is asked, by which a repetition is told from another request."""
        return self._digest("body", *(sha256(part).hexdigest() for part in parts))

    def _digest(self, *parts: str) -> str:
        return keyed_hash(self.key, "\0".join(parts).encode(), "sha256").hexdigest()


def delay_s(attempt: int) -> int:
    """Say after how long a request is tried again that could not be answered yet.

    Args:
        attempt: How often it was tried, from 1.

    Example:
        >>> [delay_s(attempt) for attempt in (1, 2, 3, 20)]
        [10, 20, 40, 900]
    """
    return min(FIRST_DELAY_S << min(attempt - 1, 16), LONGEST_DELAY_S)
