"""GrowthBook's published hash: the same subject lands in the same place in every language.

Source:
    GrowthBook, "Build your own SDK", specification 0.7.1 (functions `hash` and `inNamespace`), and
    growthbook-python's `fnv1a32`, which mixes in code points. JavaScript mixes in UTF-16 units, so
    the two agree on the Basic Multilingual Plane (Arabic included) and differ beyond it (emoji).
"""

from collections.abc import Callable, Iterable
from functools import lru_cache
from types import BuiltinFunctionType
from typing import Final, Literal, overload

try:
    from fnv_hash_fast import fnv1a_32 as _packaged
except ImportError:  # no wheel for this machine
    _packaged = None  # type: ignore[assignment]

HashBytes = Callable[[bytes], int]

QUICK: Final[HashBytes | None] = _packaged if isinstance(_packaged, BuiltinFunctionType) else None
"""32-bit FNV-1a of bytes in C: ten times as quick as Python's loop. None where the package is not,
or lacks its extension (its own loop is slower than ours)."""

LATEST: Final = 2
VERSIONS: Final = (1, 2)
PLACES_1: Final = 1_000
PLACES_2: Final = 10_000
"""How many places each version's hash space has."""

FNV_OFFSET: Final = 0x811C9DC5
FNV_PRIME: Final = 0x01000193
FNV_MASK: Final = 0xFFFFFFFF

REMEMBERED: Final = 8_192
"""Places kept: a subject that asks again is not hashed again (about 2 MB when full)."""


def fnv1a32(text: str, state: int = FNV_OFFSET, *, quick: HashBytes | None = QUICK) -> int:
    """Hash text with 32-bit FNV-1a over its code points.

    Args:
        text: What to mix in.
        state: Hash of what came before; FNV-1a runs on from there.
        quick: Hashes bytes from the start, or None to go letter by letter.

    Example:
        >>> fnv1a32("ab") == fnv1a32("b", fnv1a32("a"))
        True

    Source:
        Fowler, Noll, Vo, draft-eastlake-fnv, 32-bit offset basis and prime.
    """
    if quick is not None and state == FNV_OFFSET and text.isascii():
        return quick(text.encode())
    prime, mask = FNV_PRIME, FNV_MASK  # locals are found quicker
    for code in code_points(text):
        state = (state ^ code) * prime & mask
    return state


def code_points(text: str) -> Iterable[int]:
    """Return the code points of a text, as numbers.

    Example:
        >>> list(code_points("aس"))
        [97, 1587]
    """
    return text.encode() if text.isascii() else map(ord, text)


@overload
def bucket(seed: str, subject: str, version: Literal[1, 2] = ...) -> float: ...
@overload
def bucket(seed: str, subject: str, version: int) -> float | None: ...


def bucket(seed: str, subject: str, version: int = LATEST) -> float | None:
    """Place a subject on [0, 1).

    Version 2 is FNV-1a of the decimal digits of FNV-1a(seed + subject), in steps of 1/10000.
    Version 1 is FNV-1a(subject + seed), in steps of 1/1000; its arms correlate between
    experiments, so it is here for namespaces and for experiments that began elsewhere.

    Args:
        seed: Separates experiments; usually the experiment's key.
        subject: Who is assigned.
        version: 1 or 2; GrowthBook defines no other, and any other gives None.

    Example:
        >>> bucket("seed", "a"), bucket("ef", "d", version=1)
        (0.0505, 0.652)
    """
    return _place(seed, subject, version)


@lru_cache(maxsize=REMEMBERED)
def _place(seed: str, subject: str, version: int) -> float | None:
    if version == LATEST:
        return place_2(fnv1a32(seed + subject))
    return place_1(fnv1a32(subject + seed)) if version == 1 else None


def place_2(hashed: int) -> float:
    """Return version 2's place, given FNV-1a of seed and subject."""
    return fnv1a32(str(hashed)) % PLACES_2 / PLACES_2


def place_1(hashed: int) -> float:
    """Return version 1's place, given FNV-1a of subject and seed."""
    return hashed % PLACES_1 / PLACES_1


def namespace_seed(namespace: str) -> str:
    """Return what a namespace mixes in after the subject."""
    return f"__{namespace}"


def in_namespace(subject: str, namespace: str, start: float, end: float) -> bool:
    """Whether a subject lies in an experiment's part of a namespace.

    Experiments with disjoint parts [start, end) of one namespace never share a subject.

    Example:
        >>> in_namespace("1", "namespace1", 0.4, 1)
        True
    """
    return start <= bucket(namespace_seed(namespace), subject, 1) < end
