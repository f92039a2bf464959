"""What a program reads from the exit status of `falaj`."""

from enum import IntEnum


class Exit(IntEnum):
    """Exit status of every command."""

    PASSED = 0
    ERROR = 1
    """The command could not do its work."""
    MISUSE = 2
    """The command line itself is wrong."""
    REFUSED = 3
    """The work was done and a gate said no."""
    INCONCLUSIVE = 4
    """The work was done and there is not enough evidence to answer."""
