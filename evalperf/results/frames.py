"""The journal's frames: facts about single calls, each readable without the others.

    e5 'EPJ' · u32 length of the rest · u32 CRC-32 of the rest · u8 kind · u48 key · u16 upper half of call
    · u16 lower half of call · u16 attempt · 16 bytes hash of the request · payload

All integers are little-endian. The first frames had a u64 key and a u16 call: they read the same. A damaged stretch
costs the frames in it, never those behind it.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable, Iterator

from msgspec import Struct

from evalperf.results.disk import BLOCK_BYTES

__all__ = [
    "ABORT",
    "BASE",
    "DOUBT",
    "INTENT",
    "RESPONSE",
    "TALLY",
    "CallId",
    "Frame",
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

MOST_FRAME_BYTES = 64 << 20
"""An answer whose reply is at the limit takes 32 MiB, and twice that where its characters are escaped."""

WASTED_TIMES = 32
"""So many bytes are looked through for each byte of a journal without being a frame."""

MAGIC = b"\xe5EPJ"
_HEAD = struct.Struct("<4sII")
_BODY = struct.Struct("<BQHH16s")
_MOST = 0xFFFF
_KEY_BITS = 48
_KEYS = (1 << _KEY_BITS) - 1


class CallId(Struct, frozen=True, gc=False):
    """One attempt at one call of a case."""

    seq: int
    epoch: int
    call: int
    """Which of the case's calls, from 0; two bytes above 65,535."""
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
    upper, lower = min(frame.call >> 16, _MOST), frame.call & _MOST
    attempt = min(frame.attempt, _MOST)
    body = _BODY.pack(frame.kind, upper << _KEY_BITS | frame.key, lower, attempt, frame.request_hash) + frame.payload
    return _HEAD.pack(MAGIC, len(body), zlib.crc32(body)) + body


def locate_frames(read_at: Callable[[int, int], bytes], size: int) -> Iterator[tuple[int, int, Frame]]:
    """Every frame that is whole, with where it starts and where it ends; `read_at` takes a size and an offset.

    Holds a block of the file, or one frame that is larger. Gives up where planted beginnings would have it read the
    file for hours: what follows counts as no frame.
    """
    position = wasted = 0
    while position < size and wasted <= WASTED_TIMES * size + BLOCK_BYTES:
        block = read_at(BLOCK_BYTES, position)
        done, at = 0, block.find(MAGIC)
        while at >= 0:
            needed = _needed(block, at)
            if needed > min(size - position - at, MOST_FRAME_BYTES):
                at = block.find(MAGIC, at + 1)
                continue
            if at + needed > len(block):
                break
            frame = _frame(block, at, needed)
            if frame is not None:
                yield position + at, position + at + needed, frame
                done = at + needed
            else:
                wasted += needed
            at = block.find(MAGIC, done if frame is not None else at + 1)
        if at == 0:  # larger than a block
            frame = _frame(read_at(needed, position), 0, needed)
            if frame is not None:
                yield position, position + needed, frame
            position += 1 if frame is None else needed
            wasted += needed if frame is None else 0
        else:
            position += at if at > 0 else max(len(block) - len(MAGIC) + 1, done, 1)


def _needed(block: bytes, at: int) -> int:
    """How long the frame would be that begins there."""
    if at + _HEAD.size > len(block):
        return _HEAD.size + _BODY.size
    return _HEAD.size + max(int.from_bytes(block[at + 4 : at + 8], "little"), _BODY.size)


def _frame(data: bytes, at: int, needed: int) -> Frame | None:
    """The frame, if these bytes are one."""
    _, size, check = _HEAD.unpack_from(data, at)
    start, end = at + _HEAD.size, at + needed
    if len(data) < end or size != end - start or zlib.crc32(memoryview(data)[start:end]) != check:
        return None
    kind, wide_key, lower, attempt, request_hash = _BODY.unpack_from(data, start)
    key, call = wide_key & _KEYS, (wide_key >> _KEY_BITS) << 16 | lower
    return Frame(kind, key, call, attempt, request_hash, data[start + _BODY.size : end])
