"""Names for requests that brought none, as random as the operating system makes them."""

import os
from typing import Final

_BYTES: Final = 16
_AT_ONCE: Final = 256


class RequestIds:
    """Draws many at once: asking the operating system for each costs as much as reading a request.

    Example:
        >>> ids = RequestIds()
        >>> len(ids.new()), ids.new() != ids.new()
        (32, True)
    """

    def __init__(self) -> None:
        self._ready: list[bytes] = []

    def new(self) -> bytes:
        """Return 32 hexadecimal digits that were never returned before, as they are sent."""
        if not self._ready:
            drawn = os.urandom(_BYTES * _AT_ONCE).hex().encode()
            size = 2 * _BYTES
            self._ready = [drawn[at : at + size] for at in range(0, len(drawn), size)]
        return self._ready.pop()
