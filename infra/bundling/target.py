"""What a zip is built for: an instruction set and a Python."""

import sys
from dataclasses import dataclass
from typing import Final

GLIBC: Final = "manylinux_2_28"
"""Newest wheel platform that the runtimes on Amazon Linux 2023 (glibc 2.34) and the pins share."""

_MACHINES: Final = {"arm64": "aarch64", "x86_64": "x86_64"}


@dataclass(frozen=True, slots=True, kw_only=True)
class BuildTarget:
    """An instruction set and a Python.

    Attributes:
        architecture: Lambda's name, `arm64` or `x86_64`.
        python: `3.13`.
        is_host: Whether this very machine runs the result.
    """

    architecture: str
    python: str
    is_host: bool = False

    @property
    def label(self) -> str:
        """A folder's name for it."""
        system = sys.platform if self.is_host else "lambda"
        return f"{system}-{self.architecture}-py{self.python}"

    @property
    def uv_arguments(self) -> tuple[str, ...]:
        """What tells uv which wheels to take."""
        if self.is_host:
            return ("--python", sys.executable)
        machine = _MACHINES[self.architecture]
        return ("--python-platform", f"{machine}-{GLIBC}", "--python-version", self.python)
