"""The journal's frames: facts about single calls, each readable without the others.

    e5 'EPJ' · u32 length of the rest · u32 CRC-32 of the rest · u8 kind · u64 key · u16 call · u16 attempt
    · 16 bytes hash of the request · payload

All integers are little-endian. A damaged stretch costs the frames in it, never those behind it.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator

from msgspec import Struct

__all__ = [
    "ABORT",
    "BASE",
    "DOUBT",
    "INTENT",
    "RESPONSE",
    "TALLY",
    "CallId",
    "Frame",
    "decode_frames",
    "encode_frame",
    "locate_frames",
]

INTENT = 1
"""A call is about to be made."""
RESPONSE = 2
"""Its answer, as payload."""
ABORT = 3
"""It brought no answer, and the run knows that."""
DOUBT = 4
"""An earlier process made it, and nobody knows what became of it."""
BASE = 5
"""First in a journal that recovery wrote: it stands for all journals before it."""
TALLY = 6
"""Its key counts the calls of the run that ever were in doubt; the highest one holds."""

MAGIC = b"\xe5EPJ"
_HEAD = struct.Struct("<4sII")
_BODY = struct.Struct("<BQHH16s")
_MOST = 0xFFFF


class CallId(Struct, frozen=True, gc=False):
    """One attempt at one call of a case."""

    seq: int
    epoch: int
    call: int
    """Which of the case's calls, from 0."""
    attempt: int
    """From 1."""


class Frame(Struct, frozen=True):
    """One fact."""

    kind: int
    key: int
    call: int = 0
    attempt: int = 0
    request_hash: bytes = bytes(16)
    payload: bytes = b""


def encode_frame(frame: Frame) -> bytes:
    """The bytes of a frame."""
    attempt = min(frame.attempt, _MOST)
    body = _BODY.pack(frame.kind, frame.key, frame.call, attempt, frame.request_hash) + frame.payload
    return _HEAD.pack(MAGIC, len(body), zlib.crc32(body)) + body


def decode_frames(data: bytes) -> Iterator[Frame]:
    """Every frame that is whole."""
    return (frame for _, _, frame in locate_frames(data))


def locate_frames(data: bytes) -> Iterator[tuple[int, int, Frame]]:
    """Every frame that is whole, with where it starts and where it ends."""
    offset = data.find(MAGIC)
    while offset >= 0:
        end = _end(data, offset)
        if end is None:
            offset = data.find(MAGIC, offset + 1)
            continue
        start = offset + _HEAD.size
        kind, key, call, attempt, request_hash = _BODY.unpack_from(data, start)
        yield offset, end, Frame(kind, key, call, attempt, request_hash, data[start + _BODY.size : end])
        offset = data.find(MAGIC, end)


def _end(data: bytes, offset: int) -> int | None:
    start = offset + _HEAD.size
    if start > len(data):
        return None
    size: int
    _, size, check = _HEAD.unpack_from(data, offset)
    body = memoryview(data)[start : start + size]
    if size < _BODY.size or len(body) < size or zlib.crc32(body) != check:
        return None
    return start + size
