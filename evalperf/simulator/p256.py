"""ECDSA on the curve P-256, as much of it as a server needs that signs one certificate of its own.

FIPS 186-5 and SEC 1. Not in constant time: for a key that protects nothing but loopback traffic, and is thrown away.
"""

from __future__ import annotations

import hashlib
import secrets
from typing import Final

__all__ = ["public_key", "sign"]

P: Final = 2**256 - 2**224 + 2**192 + 2**96 - 1
ORDER: Final = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
_GENERATOR: Final = (
    0x6B17D1F2E12C4247F8BCE6E563A440F277037D812DEB33A0F4A13945D898C296,
    0x4FE342E2FE1A7F9B8EE7EB4A7C0F9E162BCE33576B315ECECBB6406837BF51F5,
)

Point = tuple[int, int] | None
"""Affine; None is the point at infinity."""


def public_key(private_key: int) -> bytes:
    """The point that belongs to a number from 1 to ORDER − 1, uncompressed: 65 bytes."""
    x, y = _times_generator(private_key)
    return b"\x04" + x.to_bytes(32, "big") + y.to_bytes(32, "big")


def sign(private_key: int, message: bytes) -> tuple[int, int]:
    """The signature (r, s) of the message's SHA-256."""
    digest = int.from_bytes(hashlib.sha256(message).digest(), "big")
    while True:
        nonce = 1 + secrets.randbelow(ORDER - 1)
        r = _times_generator(nonce)[0] % ORDER
        s = pow(nonce, -1, ORDER) * (digest + r * private_key) % ORDER
        if r and s:
            return r, s


def _times_generator(number: int) -> tuple[int, int]:
    """By doubling and adding; the number is from 1 to ORDER − 1, so that the result is no point at infinity."""
    result: Point = None
    doubled: Point = _GENERATOR
    while number:
        if number & 1:
            result = _sum(result, doubled)
        doubled = _sum(doubled, doubled)
        number >>= 1
    if result is None:
        raise ValueError("a private key is from 1 to ORDER − 1")
    return result


def _sum(a: Point, b: Point) -> Point:
    if a is None or b is None:
        return b if a is None else a
    if a[0] == b[0] and (a[1] + b[1]) % P == 0:
        return None
    rise, run = (3 * (a[0] * a[0] - 1), 2 * a[1]) if a == b else (b[1] - a[1], b[0] - a[0])
    slope = rise * pow(run, -1, P) % P
    x = (slope * slope - a[0] - b[0]) % P
    return x, (slope * (a[0] - x) - a[1]) % P
