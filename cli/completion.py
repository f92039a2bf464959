"""Words that the shell completes."""

from cli.failures import CommandError
from cli.settings import Settings


def model_names(incomplete: str) -> list[str]:
    """Return the catalogue's models that begin with what was typed, if there is a catalogue."""
    try:
        folder = Settings.from_env().models
        entries = sorted(path.parent.name for path in folder.glob("*/model.yaml"))
    except (OSError, CommandError):
        return []  # a completion that fails must not write into the reader's prompt
    return [name for name in entries if name.startswith(incomplete)]
