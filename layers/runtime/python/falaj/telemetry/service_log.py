"""Lines for people who look after a function: JSON, one a line, as Powertools' logger names keys.

Source: https://docs.aws.amazon.com/powertools/python/latest/core/logger/#standard-structured-keys
"""

import json
from collections.abc import Callable
from typing import Any

from falaj.domain.clock import Clock


class ServiceLog:
    """Writes lines in one service's name.

    Example:
        >>> import json
        >>> from falaj.domain.clock import SystemClock
        >>> said: list[str] = []
        >>> ServiceLog("breaker", SystemClock(), said.append)("INFO", "opened", model="tashkeel")
        >>> {**json.loads(said[0]), "timestamp": "…"} == {
        ...     "level": "INFO",
        ...     "timestamp": "…",
        ...     "service": "breaker",
        ...     "message": "opened",
        ...     "model": "tashkeel",
        ... }
        True
    """

    def __init__(self, service: str, clock: Clock, write: Callable[[str], object]) -> None:
        """Keep the name, the time and where lines go."""
        self._service = service
        self._clock = clock
        self._write = write

    def __call__(self, level: str, message: str, **keys: Any) -> None:  # noqa: ANN401 - JSON values
        """Write one line.

        Args:
            level: `INFO`, `WARNING` or `ERROR`.
            message: The sentence.
            keys: What belongs to it, JSON values.
        """
        line = {
            "level": level,
            "timestamp": self._clock.now().isoformat(),
            "service": self._service,
            "message": message,
            **keys,
        }
        self._write(json.dumps(line, ensure_ascii=False) + "\n")
