"""The region's side of what function processes share: its time, and whether faults have begun."""

import mmap
from datetime import datetime
from pathlib import Path

from local_region.clock import VirtualClock
from local_region.rehearsal.boundary import LAYOUT


class SharedClock(VirtualClock):
    """A virtual clock that every function process reads.

    Args:
        file: Where the shared page lies; made here.
    """

    def __init__(self, file: Path) -> None:
        super().__init__()
        file.write_bytes(bytes(mmap.PAGESIZE))
        with file.open("r+b") as opened:
            self._page = mmap.mmap(opened.fileno(), 0)
        self._has_begun, self._stable = False, 0
        self._write()

    def leap(self, moment: datetime) -> None:
        """Go to a moment, and every process with it."""
        super().leap(moment)
        self._write()

    def name_stable(self, version: str) -> None:
        """Say which version suffers shared faults alone."""
        self._stable = int(version)
        self._write()

    def begin_faults(self) -> None:
        """Let what goes wrong go wrong from now on."""
        self._has_begun = True
        self._write()

    @property
    def has_begun(self) -> bool:
        """Whether faults have begun."""
        return self._has_begun

    def close(self) -> None:
        """Let go of the page."""
        self._page.close()

    def _write(self) -> None:
        LAYOUT.pack_into(self._page, 0, self.now().timestamp(), self._has_begun, self._stable)
