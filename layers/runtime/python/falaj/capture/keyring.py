"""Tenants' keys: a pseudonym is meaningless once its key is destroyed.

Each tenant has keys of its own, told apart by random ids. The newest makes pseudonyms; earlier ones
are kept, so that what was recorded under them can still be looked up, until they are destroyed.
The id stands in every pseudonym, so nothing has to be tried, and since it is random and its tenant
is named only where the key is kept, it names the tenant to nobody else.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from hmac import digest as keyed_hash
from typing import Final, Self

SECRET_BYTES: Final = 32
ID_DIGITS: Final = 8
FORM: Final = "p1"
_PSEUDONYM_BYTES: Final = 16
"""128 bits: no two subjects of a tenant meet."""
_WHO, _INPUT = b"who\0", b"input\0"


@dataclass(frozen=True, slots=True, kw_only=True)
class TenantKey:
    """One key of one tenant.

    Attributes:
        tenant: Whose.
        number: Counts the tenant's keys from 1; the highest makes pseudonyms.
        id: Eight random hex digits.
        secret: 32 random bytes.
    """

    tenant: str
    number: int
    id: str
    secret: bytes = field(repr=False)

    def __post_init__(self) -> None:
        if len(self.secret) != SECRET_BYTES or len(self.id) != ID_DIGITS or self.number < 1:
            raise ValueError(
                f"a key has {SECRET_BYTES} bytes, {ID_DIGITS} digits, and counts from 1"
            )

    @property
    def name(self) -> str:
        """What stands for the tenant in records; it names nobody once the key is destroyed."""
        return f"{FORM}.{self.id}"

    def who(self, subject: str) -> str:
        """Name a subject without naming the person.

        Example:
            >>> key = TenantKey(tenant="bank", number=1, id="5eed5eed", secret=bytes(32))
            >>> key.who("784-1990-1234567-1")
            'p1.5eed5eed.4b50...'
        """
        return f"{self.name}.{self._hash(_WHO + subject.encode())}"

    def input(self, body: bytes) -> str:
        """Name a request's body: the same body, the same name, and nothing else to learn."""
        return f"{self.name}.{self._hash(_INPUT + body)}"

    def _hash(self, content: bytes) -> str:
        return keyed_hash(self.secret, content, sha256)[:_PSEUDONYM_BYTES].hex()


@dataclass(frozen=True, slots=True)
class KeyRing:
    """Every key there is.

    Attributes:
        keys: By tenant, oldest first.
    """

    keys: Mapping[str, tuple[TenantKey, ...]] = field(default_factory=dict)

    @classmethod
    def of(cls, keys: Iterable[TenantKey]) -> Self:
        """Arrange keys by tenant."""
        held: dict[str, list[TenantKey]] = {}
        # Two that were made at once have one number: every process must take the same of them.
        for key in sorted(keys, key=lambda found: (found.number, found.id)):
            held.setdefault(key.tenant, []).append(key)
        return cls({tenant: tuple(found) for tenant, found in held.items()})

    def current(self, tenant: str) -> TenantKey | None:
        """Return the key that makes a tenant's pseudonyms now; None if there is none."""
        found = self.keys.get(tenant)
        return found[-1] if found else None

    def names(self, tenant: str, subject: str) -> tuple[str, ...]:
        """Return every pseudonym under which a subject may have been recorded, oldest first."""
        return tuple(key.who(subject) for key in self.keys.get(tenant, ()))
