"""The form of an entry outside this process: a header, a checksum that binds it to its key, and the value.

So a value that was torn, damaged or put under another key is a miss, never a wrong answer. The header says when the
entry was made and how long it is good for, so that no copy in a faster tier outlives it, and where it comes from.

    version u8 · encoding u8 · note length u16 · created f64 · expires f64 (Unix s) · cost f64 (USD, NaN = not known)
    · checksum u64 · note (JSON: case id, model; nothing where neither is known) · value
"""

from __future__ import annotations

import math
import struct
import zlib

import msgspec
import orjson

from evalperf.cache.backend import Provenance, Row
from evalperf.cache.hashes import checksum

try:
    from isal.isal_zlib import compress as _deflate
except ImportError:  # a platform without a wheel of it; the format is the same
    from zlib import compress as _deflate

__all__ = ["COMPRESS_FROM_BYTES", "seal", "unseal"]

VERSION = 1
RAW, DEFLATED = 0, 1
COMPRESS_FROM_BYTES = 1024
"""Below this, deflating takes longer than a smaller row saves."""
WORTHWHILE = 0.9
"""A compressed value larger than this share of the plain one is kept plain."""
MAX_NOTE_BYTES = 0xFFFF
MOST_UNPACKED_BYTES = 32 << 20
"""Of a value: a reply at its limit takes 8 MiB. A megabyte of deflated zeros would take a gigabyte."""

_notes = msgspec.json.Decoder(tuple[str | None, str | None])
_HEAD = struct.Struct("<BBHddd")
_SUM = struct.Struct("<Q")
_BODY_AT = _HEAD.size + _SUM.size


def seal(row: Row, *, compress: bool) -> bytes:
    """The entry's value with its header, deflated where that pays."""
    encoding, payload = RAW, row.value
    if compress and len(payload) >= COMPRESS_FROM_BYTES:
        deflated = _deflate(payload, 1)
        if len(deflated) < WORTHWHILE * len(payload):
            encoding, payload = DEFLATED, deflated
    note = _note(row.provenance)
    expires_s = math.inf if row.expires_s is None else row.expires_s
    cost_usd = math.nan if row.provenance.cost_usd is None else row.provenance.cost_usd
    head = _HEAD.pack(VERSION, encoding, len(note), row.created_s, expires_s, cost_usd)
    body = note + payload
    return b"".join((head, _SUM.pack(checksum(row.key, head, body)), body))


def unseal(key: bytes, sealed: bytes) -> Row | None:
    """What was sealed under this key, or None for anything else, or for what can't be unpacked within the limit.

    The checksum finds accidents; whoever can write into the cache can make one that fits.
    """
    if len(sealed) < _BODY_AT or sealed[0] != VERSION:
        return None
    body = sealed[_BODY_AT:]
    if _SUM.unpack_from(sealed, _HEAD.size)[0] != checksum(key, sealed[: _HEAD.size], body):
        return None
    _, encoding, note_bytes, created_s, expires_s, cost = _HEAD.unpack_from(sealed)
    if math.isnan(created_s) or math.isnan(expires_s):
        return None
    try:
        case_id, model = _notes.decode(body[:note_bytes]) if note_bytes else (None, None)
        value = _plain(body[note_bytes:] if note_bytes else body, encoding)
    except (msgspec.DecodeError, UnicodeDecodeError, zlib.error):
        return None
    if value is None:
        return None
    return Row(
        key=key,
        value=value,
        created_s=created_s,
        expires_s=None if expires_s == math.inf else expires_s,
        provenance=Provenance(case_id, model, cost if math.isfinite(cost) else None),
    )


def _plain(payload: bytes, encoding: int) -> bytes | None:
    if encoding != DEFLATED:
        return payload if encoding == RAW else None
    unpacker = zlib.decompressobj()
    value = unpacker.decompress(payload, MOST_UNPACKED_BYTES)
    return value if unpacker.eof else None


def _note(provenance: Provenance) -> bytes:
    if provenance.case_id is None and provenance.model is None:
        return b""
    note = orjson.dumps((provenance.case_id, provenance.model))
    return note if len(note) <= MAX_NOTE_BYTES else b""
