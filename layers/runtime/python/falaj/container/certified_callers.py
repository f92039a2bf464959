"""On whose behalf a call comes that shows a certificate: no API set a tenant before it.

The load balancer has verified the caller's certificate and says its subject. The tenant is the
subject's common name, where there is exactly one that may name a tenant, and else the whole
subject: certificates of one tenant's programs differ in their other parts.
"""

from collections.abc import Iterable
from functools import lru_cache
from typing import Final, NamedTuple

from falaj.contract import HEADER_CLIENT_SUBJECT
from falaj.domain.claims import TENANT

_COMMON_NAME: Final = "CN="
_ESCAPES: Final = '\\"'


class Caller(NamedTuple):
    """Who calls; both empty where nobody has shown a certificate."""

    tenant: str
    subject: str


NOBODY: Final = Caller("", "")


def caller_of(metadata: Iterable[tuple[str, str | bytes]] | None) -> Caller:
    """Return who calls, from a call's metadata."""
    for name, value in metadata or ():
        if name == HEADER_CLIENT_SUBJECT:
            return named(str(value))
    return NOBODY


@lru_cache(maxsize=256)
def named(subject: str) -> Caller:
    r"""Read a certificate's subject.

    Example:
        >>> named("CN=acme,OU=scoring,O=Acme PJSC,C=AE")
        Caller(tenant='acme', subject='CN=acme,OU=scoring,O=Acme PJSC,C=AE')
        >>> named("CN=a\\,CN=b,O=c").tenant == "CN=a\\,CN=b,O=c"
        True

    Source:
        RFC 4514, sections 2.1 to 2.4 (parts, joined by commas or plus signs; what is escaped or
        quoted is not looked into here).
    """
    if any(mark in subject for mark in _ESCAPES):
        return Caller(subject, subject)
    parts = [part.strip() for part in subject.replace("+", ",").split(",")]
    names = [part[len(_COMMON_NAME) :] for part in parts if part.upper().startswith(_COMMON_NAME)]
    if len(names) == 1 and TENANT.fullmatch(names[0]):
        return Caller(names[0], subject)
    return Caller(subject, subject)
