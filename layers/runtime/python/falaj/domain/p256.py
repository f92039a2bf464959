"""ECDSA signatures on curve P-256, verified with Python's own integers.

Only verification: it handles nothing secret, so its timing tells nobody anything. Every function
verifies a few signatures while it starts, for which a library of 16 MB would be loaded otherwise
(docs/decisions/0019).

Source:
    FIPS 186-5, 6.4.2 (verification); NIST SP 800-186, 3.2.1.3 (the curve); SEC 1 v2, C.5 and
    RFC 3279, 2.2.3 (a signature as DER). Point arithmetic in Jacobian coordinates: Bernstein and
    Lange, hyperelliptic.org/EFD, shortw-jacobian-3, dbl-2001-b and madd-2007-bl.
"""

from hashlib import sha256
from typing import Final

P: Final = 0xFFFFFFFF00000001000000000000000000000000FFFFFFFFFFFFFFFFFFFFFFFF
N: Final = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
B: Final = 0x5AC635D8AA3A93E7B3EBBD55769886BC651D06B0CC53B0F63BCE3C3E27D2604B
G: Final = (
    0x6B17D1F2E12C4247F8BCE6E563A440F277037D812DEB33A0F4A13945D898C296,
    0x4FE342E2FE1A7F9B8EE7EB4A7C0F9E162BCE33576B315ECECBB6406837BF51F5,
)
"""The field's prime, the group's order, the curve's constant (a is -3) and its base point."""

LONGEST_SIGNATURE: Final = 72
"""Bytes of the longest DER signature: two integers of 33 bytes with their headers."""
_BYTES: Final = 32
_SEQUENCE, _INTEGER, _SIGN_BIT = 0x30, 0x02, 0x80

Point = tuple[int, int]
_Jacobian = tuple[int, int, int]
_INFINITY: Final = (1, 1, 0)


def is_on_curve(point: Point) -> bool:
    """Whether a point is one of the curve's.

    Example:
        >>> is_on_curve(G), is_on_curve((1, 1))
        (True, False)
    """
    x, y = point
    return 0 <= x < P and 0 <= y < P and (y * y - x * x * x + 3 * x - B) % P == 0


def is_signed(public: Point, message: bytes, signature: bytes) -> bool:
    """Whether the holder of a key signed these bytes (ECDSA with SHA-256).

    Args:
        public: The key's point; it must be on the curve.
        message: What was signed.
        signature: As DER; anything that is no signature at all signs nothing.
    """
    numbers = _integers(signature)
    if numbers is None:
        return False
    r, s = numbers
    if not (0 < r < N and 0 < s < N):
        return False
    digest = int.from_bytes(sha256(message).digest(), "big")
    inverse = pow(s, -1, N)
    x, _, z = _sum_of_products(digest * inverse % N, r * inverse % N, public)
    if z == 0:
        return False
    return x * pow(z, -2, P) % P % N == r


def _integers(signature: bytes) -> tuple[int, int] | None:
    """Read DER's two integers; None unless this is their one proper encoding."""
    size = len(signature)
    if size > LONGEST_SIGNATURE or signature[:2] != bytes((_SEQUENCE, size - 2 & 0xFF)):
        return None
    first = _integer(signature, 2)
    if first is None:
        return None
    second = _integer(signature, first[1])
    if second is None or second[1] != size:
        return None
    return first[0], second[0]


def _integer(data: bytes, start: int) -> tuple[int, int] | None:
    """Read one non-negative integer in its shortest form, and where it ends."""
    if data[start : start + 1] != bytes((_INTEGER,)) or len(data) < start + 3:
        return None
    begin, length = start + 2, data[start + 1]
    end = begin + length
    is_whole = 0 < length <= _BYTES + 1 and end <= len(data)
    if not is_whole or data[begin] & _SIGN_BIT:
        return None
    if length > 1 and data[begin] == 0 and not data[begin + 1] & _SIGN_BIT:
        return None
    return int.from_bytes(data[begin:end], "big"), end


def _sum_of_products(u: int, v: int, public: Point) -> _Jacobian:
    """Return u·G + v·Q, both at once: one doubling for each bit of the longer factor."""
    both = _affine(_added((*G, 1), public))
    chosen = (None, G, public, both)
    total: _Jacobian = _INFINITY
    for bit in range(max(u.bit_length(), v.bit_length()) - 1, -1, -1):
        total = _doubled(total)
        index = (u >> bit & 1) | (v >> bit & 1) << 1
        if index:
            point = chosen[index]
            # Q = -G makes their sum the point at infinity, which adds nothing.
            total = _added(total, point) if point else total
    return total


def _affine(point: _Jacobian) -> Point | None:
    x, y, z = point
    if z == 0:
        return None
    inverse = pow(z, -1, P)
    square = inverse * inverse % P
    return x * square % P, y * square * inverse % P


def _doubled(point: _Jacobian) -> _Jacobian:
    x, y, z = point
    if z == 0:
        return point
    delta = z * z % P
    gamma = y * y % P
    beta = x * gamma % P
    alpha = 3 * (x - delta) * (x + delta) % P
    doubled_x = (alpha * alpha - 8 * beta) % P
    return (
        doubled_x,
        (alpha * (4 * beta - doubled_x) - 8 * gamma * gamma) % P,
        2 * y * z % P,
    )


def _added(point: _Jacobian, other: Point) -> _Jacobian:
    x1, y1, z1 = point
    x2, y2 = other
    if z1 == 0:
        return x2, y2, 1
    squared = z1 * z1 % P
    h = (x2 * squared - x1) % P
    slope = (y2 * z1 * squared - y1) % P
    if h == 0:
        return _INFINITY if slope else _doubled(point)
    hh = h * h % P
    hhh = h * hh % P
    base = x1 * hh % P
    x3 = (slope * slope - hhh - 2 * base) % P
    return x3, (slope * (base - x3) - y1 * hhh) % P, z1 * h % P
