"""Words that the shell completes: what this checkout's catalogue holds, and the few there are.

A completion that fails must not write into the reader's prompt: it completes nothing.
"""

from collections.abc import Callable, Sequence

from cli.failures import CommandError
from cli.settings import ACCESSES, PROFILES, Settings


def model_names(incomplete: str) -> list[str]:
    """Return the catalogue's models that begin with what was typed, if there is a catalogue."""
    return _found("*/model.yaml", lambda path: path[-2], incomplete)


def experiment_names(incomplete: str) -> list[str]:
    """Return the declared experiments that begin with what was typed, as MODEL/NAME."""
    return _found(
        "*/experiments/*.yaml",
        lambda path: f"{path[-3]}/{path[-1].removesuffix('.yaml')}",
        incomplete,
    )


def profile_names(incomplete: str) -> list[str]:
    """Return the profiles that begin with what was typed."""
    return [name for name in PROFILES if name.startswith(incomplete)]


def access_names(incomplete: str) -> list[str]:
    """Return the kinds of access that begin with what was typed."""
    return [name for name in ACCESSES if name.startswith(incomplete)]


def _found(pattern: str, name_of: Callable[[Sequence[str]], str], incomplete: str) -> list[str]:
    try:
        names = sorted(name_of(path.parts) for path in Settings.from_env().models.glob(pattern))
    except (OSError, CommandError):
        return []
    return [name for name in names if name.startswith(incomplete)]
