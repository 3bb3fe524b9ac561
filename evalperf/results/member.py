"""One gzip member of a part: whole rows, and an extra field that says which, so that resume need not decompress.

    1f 8b 08 04 00 00 00 00 00 ff   gzip, with an extra field, no time, no system
    u16   length of the extra field, which holds one subfield:
      'EP' u16 length
      u8 version · u8 flags · u32 length of the member · u32 rows · u32 CRC-32 of these 10 bytes and the keys
      keys: sorted, as varints of the differences
    deflate stream of the rows (JSON lines, in the order of the keys) · u32 CRC-32 · u32 length, both of the rows

All integers are little-endian. Any reader of gzip reads a chain of such members.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Sequence
from itertools import accumulate
from typing import Any

from msgspec import Struct

try:
    from isal import isal_zlib
except ImportError:  # no wheel for this platform: the standard library writes the same format, slower
    isal_zlib = None  # type: ignore[assignment]

from evalperf.errors import DamageError
from evalperf.results.done import MOST_KEYS

__all__ = [
    "FIXED_BYTES",
    "MAGIC",
    "MAX_ROWS",
    "MEMBER_BYTES",
    "MOST_ROW_BYTES",
    "Header",
    "header_size",
    "make_member",
    "parse_header",
    "unpack_rows",
]

MAGIC = b"\x1f\x8b\x08\x04\x00\x00\x00\x00\x00\xff"
MAX_ROWS = 4096
"""The extra field holds 65,535 bytes: room for that many keys, however far apart."""

MEMBER_BYTES = 4 << 20
"""Rows of one member, uncompressed; a single longer row stands alone."""

MOST_ROW_BYTES = 128 << 20
"""Of a row that stands alone: a line of input and a reply at their limits take 40 MiB, and three times that where their
characters are written as escapes."""

BOMB_BYTES = 40 << 20
BOMB_RATIO = 200
"""A row that is larger than the limits of input and reply together and unpacks to more than that many times its size
was made to fill the memory."""

FIXED_BYTES = 30
"""Of a header, before its keys."""

_fast: Any = isal_zlib
_INFLATE_ERRORS: tuple[type[Exception], ...] = (zlib.error,) if _fast is None else (zlib.error, _fast.IsalError)
_VERSION = 1
_FIELDS = struct.Struct("<BBII")
_PREFIX = struct.Struct("<10sH2sH")
_U32 = struct.Struct("<I")
_TRAILER = struct.Struct("<II")
_SLACK_BYTES = 1 << 20
"""What deflate adds to rows that can't be made smaller, and more."""
_U32_MASK = 0xFFFFFFFF
_CONTINUED = bytes(range(128, 256))


class Header(Struct, frozen=True):
    """What a member says about itself."""

    size_bytes: int
    """Of the whole member."""
    rows: int
    packed_keys: bytes
    body_offset: int
    """Where the compressed rows begin, from the member's start."""

    def keys(self) -> list[int]:
        """The keys of the rows, in their order."""
        return unpack_keys(self.packed_keys)


def make_member(rows: bytes, keys: Sequence[int], level: int) -> bytes:
    """The member for these rows; `keys` sorted, one a row."""
    packed = pack_keys(keys)
    body = _deflate(rows, level)
    extra = 4 + _FIELDS.size + 4 + len(packed)
    total = len(MAGIC) + 2 + extra + len(body) + _TRAILER.size
    fields = _FIELDS.pack(_VERSION, 0, total, len(keys))
    check = _U32.pack(zlib.crc32(packed, zlib.crc32(fields)))
    prefix = _PREFIX.pack(MAGIC, extra, b"EP", extra - 4)
    trailer = _TRAILER.pack(zlib.crc32(rows), len(rows) & _U32_MASK)
    return b"".join((prefix, fields, check, packed, body, trailer))


def header_size(start: bytes) -> int | None:
    """How many bytes the header takes, from its first 12 or more; None if no header begins like that."""
    if len(start) < 12 or start[:10] != MAGIC:
        return None
    return 12 + int.from_bytes(start[10:12], "little")


def parse_header(data: bytes) -> Header | None:
    """The header that `data` begins with; None if it is cut, damaged or another's."""
    end = header_size(data)
    if end is None or end < FIXED_BYTES or len(data) < end or data[12:14] != b"EP":
        return None
    version, _, total, rows = _FIELDS.unpack_from(data, 16)
    (check,) = _U32.unpack_from(data, 26)
    packed = bytes(data[FIXED_BYTES:end])
    if version != _VERSION or not end + _TRAILER.size <= total <= end + _most_unpacked(rows) + _SLACK_BYTES:
        return None
    if zlib.crc32(packed, zlib.crc32(data[16:26])) != check or not _are_keys(packed, rows):
        return None
    return Header(size_bytes=total, rows=rows, packed_keys=packed, body_offset=end)


def unpack_rows(member: bytes, header: Header) -> bytes:
    """The rows of a whole member; raises DamageError where they differ from their checksum."""
    end = header.size_bytes - _TRAILER.size
    check, size = _TRAILER.unpack_from(member, end)
    body = memoryview(member)[header.body_offset : end]
    if size > _most_unpacked(header.rows):
        raise DamageError(f"its rows would have {size:,} bytes, of at most {_most_unpacked(header.rows):,}")
    if size > BOMB_BYTES and size > BOMB_RATIO * len(body):
        raise DamageError(f"it grows more than {BOMB_RATIO}-fold when unpacked, as an attack would")
    try:
        rows = _inflate(body, size)
    except _INFLATE_ERRORS as error:
        raise DamageError(f"can't be decompressed: {error}") from error
    if zlib.crc32(rows) != check or len(rows) != size:
        raise DamageError("its rows differ from their checksum")
    return rows


def pack_keys(keys: Sequence[int]) -> bytes:
    """Sorted integers as varints of their differences: about a byte each."""
    packed = bytearray()
    previous = 0
    for key in keys:
        delta = key - previous
        previous = key
        while delta > 127:
            packed.append(delta & 127 | 128)
            delta >>= 7
        packed.append(delta)
    return bytes(packed)


def unpack_keys(packed: bytes) -> list[int]:
    """The inverse of `pack_keys`."""
    first, start = _varint(packed, 0)
    near = packed[start:]
    if not near or max(near) < 128:  # neighbours, as most keys of a member are
        return list(accumulate(near, initial=first)) if packed else []
    keys = [first]
    while start < len(packed):
        delta, start = _varint(packed, start)
        keys.append(keys[-1] + delta)
    return keys


def _varint(packed: bytes, at: int) -> tuple[int, int]:
    """The number that begins there, and where it ends."""
    number = shift = 0
    for byte in packed[at : at + 10]:
        at += 1
        number |= (byte & 127) << shift
        shift += 7
        if byte < 128:
            break
    return number, at


def _deflate(rows: bytes, level: int) -> bytes:
    if _fast is None:
        packer: Any = zlib.compressobj(max(level, 1), zlib.DEFLATED, -15)
    else:
        packer = _fast.compressobj(level, zlib.DEFLATED, -15)
    return b"".join((packer.compress(rows), packer.flush()))


def _inflate(body: memoryview, size_bytes: int) -> bytes:
    """At most a byte more than that, which is enough to see that it is wrong."""
    unpacker: Any = zlib.decompressobj(-15) if _fast is None else _fast.decompressobj(wbits=-15)
    rows: bytes = unpacker.decompress(body, size_bytes + 1)
    if not unpacker.eof:
        raise DamageError("its rows go on behind their end")
    return rows


def _most_unpacked(rows: int) -> int:
    return MOST_ROW_BYTES if rows == 1 else MEMBER_BYTES


def _are_keys(packed: bytes, rows: int) -> bool:
    """Whether they are as many keys as rows, each of a case that a run can have; a forged checksum fits, too."""
    if not 0 < rows <= MAX_ROWS or len(packed.translate(None, _CONTINUED)) != rows or packed[-1] > 127:
        return False
    first, start = _varint(packed, 0)
    near = len(packed) - start
    if near == rows - 1 and first + 127 * near < MOST_KEYS:  # a byte each, as most keys are: no need to unpack them
        return True
    return unpack_keys(packed)[-1] < MOST_KEYS
