"""An environment's variables, read one by one; what is wrong with them is said all at once."""

import os
from collections.abc import Mapping, Sequence
from typing import Final

from falaj.errors import ConfigurationError

_SHOWN: Final = 80


class Environment:
    """Variables, and the faults found in them so far.

    Attributes:
        faults: A sentence for each fault.

    Example:
        >>> around = Environment({"FALAJ_THREADS": "none"})
        >>> around.number("FALAJ_THREADS", least=1, most=1024)
        >>> around.faults
        ["FALAJ_THREADS='none': a whole number from 1 to 1024"]
    """

    def __init__(self, given: Mapping[str, str] | None = None) -> None:
        """Read what is given, or else the process's own."""
        self._values = os.environ if given is None else given  # noqa: TID251 - read here
        self.faults: list[str] = []

    def text(self, name: str, default: str = "") -> str:
        """Return a variable; the default also where it is empty."""
        return self._values.get(name) or default

    def needed(self, name: str, what: str) -> str:
        """Return a variable that there must be.

        Args:
            name: The variable.
            what: What it names, for the fault's sentence.
        """
        value = self.text(name)
        if not value:
            self.faults.append(f"{name} is not set: {what}")
        return value

    def choice(self, name: str, choices: Sequence[str], default: str) -> str:
        """Return a variable that is one of a few words."""
        value = self.text(name, default)
        if value not in choices:
            self.blame(name, value, f"one of {', '.join(choices)}")
        return value

    def number(self, name: str, *, least: int, most: int, others: str = "") -> int | None:
        """Return a variable that is a whole number; None where there is none, or a wrong one.

        Args:
            name: The variable.
            least: The smallest.
            most: The largest.
            others: What else it may be, for the fault's sentence.
        """
        value = self.text(name)
        if not value:
            return None
        is_number = value.isascii() and value.isdigit() and len(value) <= len(str(most))
        if is_number and least <= int(value) <= most:
            return int(value)
        also = f" or {others}" if others else ""
        self.blame(name, value, f"a whole number from {least} to {most}{also}")
        return None

    def number_or(self, name: str, default: int, *, least: int = 0, most: int) -> int:
        """Return what `number` does, and the default where there is none, or a wrong one.

        Example:
            >>> Environment({}).number_or("FALAJ_DRAIN_S", 25, most=3600)
            25
        """
        found = self.number(name, least=least, most=most)
        return default if found is None else found

    def blame(self, name: str, value: str, mend: str) -> None:
        """Keep a fault: what a variable says, and what to write instead."""
        self.faults.append(f"{name}={value[:_SHOWN]!r}: {mend}")

    def check(self) -> None:
        """Say every fault found.

        Raises:
            ConfigurationError: There is one.
        """
        if self.faults:
            raise ConfigurationError(self.faults)
