"""A stream of chunks, cut into blocks of lines; no file is touched here."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from msgspec import Struct

from evalperf.errors import InputError

__all__ = ["Block", "LineSplitter", "Lines", "TooLong"]

HEAD_BYTES = 200


class Lines(Struct, frozen=True):
    """Consecutive lines, without their ends."""

    first_line: int
    """Number of the first one, from 1."""
    offset: int
    """Where it starts in the (decompressed) file."""
    items: list[bytes]
    data: bytes
    """The same, as they stand in the file, joined by line feeds: a carriage return may end each."""


class TooLong(Struct, frozen=True):
    """A line over the limit, skipped in chunks."""

    line: int
    offset: int
    size_bytes: int
    start: bytes
    """Its first 200 bytes."""


Block = Lines | TooLong


class LineSplitter:
    """Cuts a stream of chunks into blocks of lines; holds one unfinished line, and never more of it than the limit."""

    def __init__(self, name: Path | str, max_line_bytes: int) -> None:
        self.count = 0
        """Lines that have ended so far."""
        self._name = name
        self._max = max_line_bytes
        self._offset = 0
        self._held: list[bytes] = []
        self._held_bytes = 0
        self._head: bytes | None = None  # the start of a line that is over the limit and still goes on
        self._opening: bytes | None = b""  # the first bytes of the file, until there are enough to tell a BOM

    def feed(self, chunk: bytes) -> Iterator[Block]:
        """The lines that end in this chunk; raises InputError where the file's first bytes show that it is no text."""
        if self._opening is not None:
            chunk = self._opening + chunk
            self._opening = chunk
            if len(chunk) < 4:
                return
            chunk = self._open(chunk)
        if self._head is not None and (end := chunk.find(b"\n")) >= 0:
            yield self._end_too_long(chunk[:end])
            chunk = chunk[end + 1 :]
        cut = chunk.rfind(b"\n")
        if cut >= 0:
            data = b"".join((*self._held, chunk[:cut])) if self._held else chunk[:cut]
            self._held, self._held_bytes = [], 0
            yield from self._cut(data)
            chunk = chunk[cut + 1 :]
        self._hold(chunk)

    def finish(self) -> Iterator[Block]:
        """The last line, where no a line feed ends it."""
        if self._opening:
            self._hold(self._open(self._opening))
        if self._head is not None:
            yield self._end_too_long(b"")
        elif self._held_bytes:
            yield from self._cut(b"".join(self._held))
        self._held, self._held_bytes = [], 0

    def _hold(self, piece: bytes) -> None:
        if not piece:
            return
        self._held_bytes += len(piece)
        if self._head is None:
            self._held.append(piece)
            if self._held_bytes > self._max:
                self._head = b"".join(self._held)[:HEAD_BYTES]
                self._held = []

    def _end_too_long(self, tail: bytes) -> TooLong:
        size_bytes = self._held_bytes + len(tail)
        head, self._head, self._held_bytes = self._head or b"", None, 0
        return self._too_long(size_bytes, head)

    def _too_long(self, size_bytes: int, start: bytes) -> TooLong:
        self.count += 1
        found = TooLong(self.count, self._offset, size_bytes, start[:HEAD_BYTES])
        self._offset += size_bytes + 1
        return found

    def _cut(self, data: bytes) -> Iterator[Block]:
        items = data.split(b"\n")
        if len(data) > self._max and len(max(items, key=len)) > self._max:
            yield from self._cut_around_long(items)
        else:
            yield self._lines(items, data)

    def _cut_around_long(self, items: list[bytes]) -> Iterator[Block]:
        short: list[bytes] = []
        for item in items:
            if len(item) <= self._max:
                short.append(item)
                continue
            if short:
                yield self._lines(short, b"\n".join(short))
                short = []
            yield self._too_long(len(item), item)
        if short:
            yield self._lines(short, b"\n".join(short))

    def _lines(self, items: list[bytes], data: bytes) -> Lines:
        if b"\r" in data:
            items = [item[:-1] if item.endswith(b"\r") else item for item in items]
        block = Lines(self.count + 1, self._offset, items, data)
        self.count += len(items)
        self._offset += len(data) + 1
        return block

    def _open(self, chunk: bytes) -> bytes:
        self._opening = None
        hint: str | None = 'give it the ending ".gz" or ".zst", or pipe it through "zcat" or "zstdcat"'
        if chunk.startswith((b"\x1f\x8b", b"\x28\xb5\x2f\xfd")):
            raise InputError(self._name, "is compressed, and its name does not say so", hint=hint)
        if chunk.startswith((b"\xff\xfe", b"\xfe\xff")) or b"\0" in chunk[:4]:
            hint = "convert it: iconv -f UTF-16 -t UTF-8"
            raise InputError(self._name, "is UTF-16, UTF-32 or no text at all; UTF-8 is expected", hint=hint)
        if chunk.startswith(b"\xef\xbb\xbf"):
            self._offset = 3
            return chunk[3:]
        return chunk
