"""Who sends a rehearsal's requests: a program of ours, from many addresses, as callers do.

A web ACL refuses what names no program, and counts by address: a rehearsal from one address would
be a flood.

Source:
    RFC 5737, section 3: 198.51.100.0/24 is for documentation, and nobody's.
"""

from typing import Final

USER_AGENT: Final = ("user-agent", "falaj-rehearsal")
_ADDRESSES: Final = 254


def address_of(number: int) -> str:
    """Return the address of a rehearsal's request by its number.

    Example:
        >>> address_of(0), address_of(255)
        ('198.51.100.1', '198.51.100.2')
    """
    return f"198.51.100.{number % _ADDRESSES + 1}"
