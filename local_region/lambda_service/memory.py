"""Resident memory of a process and its children, from /proc.

RLIMIT_AS would raise MemoryError inside Python, which Lambda does not do: it kills.
"""

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Final

_PAGE_BYTES: Final = os.sysconf("SC_PAGE_SIZE")
_MIB: Final = 1024 * 1024
_PROC: Final = Path("/proc")
_STATUS_BYTES: Final = 16 * 1024
"""More than /proc/PID/status ever holds; the peak stands in its first half kilobyte."""


def is_measurable() -> bool:
    """Tell whether this system has /proc; elsewhere memory limits are not enforced."""
    return (_PROC / "self" / "statm").exists()


def used_mib(pid: int) -> float:
    """Return the resident memory of a process and its descendants in MiB, shared pages once.

    The cheap sum counts pages shared after a fork several times, so with children the proportional
    size is read.
    """
    family = list(_family(pid))
    if len(family) == 1:
        return _resident_bytes(pid) / _MIB
    return sum(map(_proportional_bytes, family)) / _MIB


def peak_mib(pid: int) -> float:
    """Return the most resident memory a process had so far, in MiB; 0 where it cannot be read."""
    try:
        file = os.open(f"/proc/{pid}/status", os.O_RDONLY)
    except OSError:
        return 0.0
    try:
        # One read, and not a line at a time: it is asked after every invocation.
        _, _, rest = os.read(file, _STATUS_BYTES).partition(b"VmHWM:")
    except OSError:  # it has ended in between
        return 0.0
    finally:
        os.close(file)
    return int(rest.split(maxsplit=1)[0]) / 1024 if rest else 0.0


def _family(pid: int) -> Iterator[int]:
    yield pid
    with contextlib.suppress(OSError):
        for thread in (_PROC / str(pid) / "task").iterdir():
            with contextlib.suppress(OSError):
                for child in (thread / "children").read_text().split():
                    yield from _family(int(child))


def _resident_bytes(pid: int) -> int:
    try:
        return int((_PROC / str(pid) / "statm").read_text().split()[1]) * _PAGE_BYTES
    except OSError:
        return 0


def _proportional_bytes(pid: int) -> int:
    with contextlib.suppress(OSError):
        for line in (_PROC / str(pid) / "smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1]) * 1024
    return 0
