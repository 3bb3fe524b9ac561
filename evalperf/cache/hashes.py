"""The digests behind keys and checksums: XXH3 where xxhash is installed, else SHA-256."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Literal

try:
    from xxhash import xxh3_64, xxh3_128_digest
except ImportError:  # a platform without a wheel of it; keys differ then, so entries are missed and never mistaken
    xxh3_64 = xxh3_128_digest = None  # type: ignore[assignment,misc]

__all__ = ["KEY_HASHES", "KeyHash", "checksum"]

KeyHash = Literal["xxh3_128", "sha256"]
Digest = Callable[[bytes], bytes]


def _sha256(data: bytes) -> bytes:
    return hashlib.sha256(data).digest()


def _xxh3_checksum(key: bytes, head: bytes, payload: bytes) -> int:
    state = xxh3_64(key + head)
    state.update(payload)
    return state.intdigest()


def _sha256_checksum(key: bytes, head: bytes, payload: bytes) -> int:
    state = hashlib.sha256(key + head)
    state.update(payload)
    return int.from_bytes(state.digest()[:8], "little")


KEY_HASHES: dict[KeyHash, Digest] = {
    "xxh3_128": _sha256 if xxh3_128_digest is None else xxh3_128_digest,
    "sha256": _sha256,
}
"""By the name that a configuration gives; 16 or 32 bytes."""

checksum: Callable[[bytes, bytes, bytes], int] = _sha256_checksum if xxh3_64 is None else _xxh3_checksum
"""64 bits over a key, a header and a payload: a value that stands under another key does not match."""
