"""Where everything that is synthesized is taken from."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Sources:
    """Where everything is taken from.

    Attributes:
        repository: Folder of `functions` and `layers`.
        models: The catalogue's folder.
        build: What was built and staged.
    """

    repository: Path
    models: Path
    build: Path

    def function(self, name: str) -> Path:
        """Return the folder of a function's handler."""
        return self.repository / "functions" / name

    def pins(self, layer: str) -> Path:
        """Return a third-party layer's pinned requirements."""
        return self.repository / "layers" / layer / "requirements.txt"

    @property
    def runtime(self) -> Path:
        """The folder that holds the shared library."""
        return self.repository / "layers" / "runtime" / "python"
