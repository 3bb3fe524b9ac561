"""Goes through a part from member to member; what is no member is a gap, and the walk goes on behind it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Literal

from msgspec import Struct

from evalperf.errors import DamageError
from evalperf.results.disk import BLOCK_BYTES
from evalperf.results.member import FIXED_BYTES, MAGIC, Header, header_size, parse_header, unpack_rows

__all__ = ["Found", "Gap", "ReadAt", "header_at", "read_member", "walk"]

ReadAt = Callable[[int, int], bytes]
"""(size, offset) -> at most that many bytes."""

HEADER_GUESS = 1024
"""Enough for a header of 256 keys near each other, so that one read serves."""

SEARCHED_FIRST = 4096
"""Bytes in which the next member is looked for; twice as many each time that it is not there."""

READ_TIMES = 32
"""So many bytes are looked at for each byte of a part; whole members take 2, the smallest with gaps between them 5.
Beginnings of members that were planted in each other would have the search read them for hours."""

MOST_GAPS = 1 << 14
"""After so many stretches that are no member the rest of a part is taken for one more."""


class Found(Struct, frozen=True):
    """A member that is whole."""

    offset: int
    header: Header


class Gap(Struct, frozen=True):
    """A stretch that is no member."""

    offset: int
    end: int
    kind: Literal["torn", "damaged"]
    """Torn is what an unfinished write leaves at the end of a file: the beginning of a member, or zeros."""
    header: Header | None = None
    """Says what was lost, where the header is still readable."""


def walk(read_at: ReadAt, size: int, *, bodies: bool) -> Iterator[Found | Gap]:
    """Every member and every gap in order; `bodies` = members are checked to the last byte, not only their headers.

    So is a member behind which no other begins: where bytes of it are missing, it reaches into the next one.
    """
    offset = gaps = 0
    read = _Limited(read_at, READ_TIMES * size + BLOCK_BYTES)
    while offset < size:
        try:
            piece, end = _piece(read, offset, size, bodies=bodies)
        except _SearchedEnough:
            piece, end = Gap(offset, size, "damaged"), size
        gaps += isinstance(piece, Gap)
        if gaps > MOST_GAPS:
            piece, end = Gap(offset, size, "damaged"), size
        yield piece
        offset = end


def read_member(read_at: ReadAt, found: Found) -> bytes:
    """The rows of a member; raises DamageError."""
    member = read_at(found.header.size_bytes, found.offset)
    if len(member) < found.header.size_bytes:
        raise DamageError("it ends early")
    return unpack_rows(member, found.header)


def header_at(read_at: ReadAt, offset: int) -> Header | None:
    """The header that begins there; None for anything else."""
    start = read_at(HEADER_GUESS, offset)
    needed = header_size(start)
    if needed is not None and needed > len(start):
        start = read_at(needed, offset)
    return parse_header(start)


class _SearchedEnough(Exception):  # noqa: N818 - never leaves this file
    """More was read than whole members and honest damage ask for."""


class _Limited:
    """Reads until so many bytes were looked at; a short read, as of a header, counts as the shortest header."""

    def __init__(self, read_at: ReadAt, most: int) -> None:
        self._read_at = read_at
        self._left = most

    def __call__(self, size: int, offset: int) -> bytes:
        data = self._read_at(size, offset)
        self._spend(len(data) if size > HEADER_GUESS else FIXED_BYTES)
        return data

    def find(self, start: int, before: int) -> int | None:
        """Where `MAGIC` begins next, but for `before`."""
        size = SEARCHED_FIRST
        while start < before:
            block = self._read_at(min(size, BLOCK_BYTES), start)
            at = block.find(MAGIC)
            if at >= 0:
                self._spend(at)
                return start + at if start + at < before else None
            self._spend(len(block))
            start += max(len(block) - len(MAGIC) + 1, 1)
            size *= 2
        return None

    def _spend(self, size: int) -> None:
        self._left -= size
        if self._left < 0:
            raise _SearchedEnough


def _piece(read_at: _Limited, offset: int, size: int, *, bodies: bool) -> tuple[Found | Gap, int]:
    """What begins there, and where it ends."""
    header = header_at(read_at, offset)
    if header is not None and offset + header.size_bytes <= size:
        end = offset + header.size_bytes
        if (not bodies and _joined(read_at, end, size)) or _sound(read_at, offset, header):
            return Found(offset, header), end
        end = _next_member(read_at, offset + 1, end, size, bodies=bodies)
        return Gap(offset, end, "damaged", header), end
    end = _next_member(read_at, offset + 1, size, size, bodies=bodies)
    torn = end == size and _is_torn(read_at, offset, size)
    return Gap(offset, end, "torn" if torn else "damaged", header), end


def _sound(read_at: ReadAt, offset: int, header: Header) -> bool:
    try:
        read_member(read_at, Found(offset, header))
    except DamageError:
        return False
    return True


def _joined(read_at: ReadAt, end: int, size: int) -> bool:
    """Whether another member begins where one ends, or nothing."""
    return end == size or read_at(len(MAGIC), end) == MAGIC


def _next_member(read_at: _Limited, start: int, before: int, size: int, *, bodies: bool) -> int:
    """Where the next whole member begins, but for `before`; `size` is that of the file."""
    while (offset := read_at.find(start, before)) is not None:
        header = header_at(read_at, offset)
        whole = header is not None and offset + header.size_bytes <= size
        if header is not None and whole and (not bodies or _sound(read_at, offset, header)):
            return offset
        start = offset + 1
    return before


def _is_torn(read_at: ReadAt, offset: int, size: int) -> bool:
    """Whether the rest of the file is the beginning of one member, or only zeros."""
    start = read_at(HEADER_GUESS, offset)
    if start[: len(MAGIC)] == MAGIC[: len(start)]:
        needed = header_size(start)
        cut_header = needed is None or size - offset < max(needed, FIXED_BYTES)
        return cut_header or header_at(read_at, offset) is not None
    while offset < size:
        block = read_at(BLOCK_BYTES, offset)
        if block.count(0) != len(block):
            return False
        offset += len(block)
    return True
