"""Freed memory stays with the process, for the next request's arrays.

glibc gives the kernel back what is freed at the heap's end, and maps blocks above a threshold
apart, which are gone when they are freed. Both thresholds follow what has been freed, so that it is
chance whether an image as JSON faults 777 pages in with each request, which takes as long as its
parsing (benchmarks/handler.py). A Lambda environment is paid by its size, not by what it uses, and
answers one request at a time: what one request needed, the next one needs.

Source:
    mallopt(3): M_TRIM_THRESHOLD, and M_MMAP_THRESHOLD, at most DEFAULT_MMAP_THRESHOLD_MAX, 32 MiB
    on 64-bit systems; their numbers from glibc's malloc.h.
"""

import ctypes
from typing import Final

_TRIM_THRESHOLD: Final = -1
_MMAP_THRESHOLD: Final = -3
SETTINGS: Final = {_MMAP_THRESHOLD: 32 * 1024 * 1024, _TRIM_THRESHOLD: 64 * 1024 * 1024}


def keep_freed_memory() -> bool:
    """Keep up to 64 MiB that are free; False where the C library has no such setting."""
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is None:  # not glibc
        return False
    taken = [mallopt(setting, value) for setting, value in SETTINGS.items()]
    return all(taken)
