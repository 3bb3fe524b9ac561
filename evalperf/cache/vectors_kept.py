"""Vectors that outlive the process: in chunks under numbered keys of a cache that takes bytes for bytes."""

from __future__ import annotations

import asyncio
import hashlib
import sys
from array import array
from collections.abc import Sequence
from typing import Annotated, Final, TypeVar

import msgspec
from msgspec import Meta, Struct

from evalperf.cache.backend import CacheBackend

__all__ = ["KeptVector", "KeptVectors"]

AnyStruct = TypeVar("AnyStruct", bound=Struct)

VERSION: Final = 1
"""Of the chunks' form; chunks of another one are not read."""

CHUNK: Final = 256
"""Vectors in a chunk."""

FLUSH: Final = 32
"""So many new vectors are written at the latest: a killed process loses no more."""

SINGLE_BYTES: Final = 4
"""Of a number in single precision."""

AT_ONCE: Final = 64
"""Chunks that are read in one round trip."""


class KeptVector(Struct, frozen=True, gc=False):
    """A vector, its key and its group."""

    group: bytes
    key: bytes
    vector: Sequence[float]


class _Row(Struct, frozen=True, array_like=True, gc=False):
    group: bytes
    key: bytes
    numbers: bytes
    """Single precision, lowest byte first."""


class _Head(Struct, frozen=True):
    version: int
    last: int
    """Number of the chunk that is still growing."""


class _Chunk(Struct, frozen=True):
    version: int
    rows: Annotated[list[_Row], Meta(max_length=CHUNK)]


class KeptVectors:
    """The last `most` vectors (and up to a chunk more) of one embedder, named by `identity`.

    Written by one process at a time: of two, the later writer's chunks stay. What is lost or can't be read is missed,
    never mistaken for something else: each chunk is whole in itself.
    """

    def __init__(self, backend: CacheBackend, identity: str, *, most: int) -> None:
        self._backend = backend
        self._identity = identity
        self._chunks = -(-most // CHUNK) + 1
        self._last = 0
        self._rows: list[_Row] = []  # of the chunk that is still growing, and new ones
        self._unsaved = 0
        self._writing = asyncio.Lock()  # an older state of a chunk must not overtake a newer one
        self.unread = 0
        """Chunks that were missing or could not be read when the vectors were loaded."""

    async def load(self) -> dict[bytes, list[tuple[bytes, Sequence[float]]]]:
        """All that is there, by group, from the oldest to the newest; called once, before anything is added."""
        (raw,) = await self._backend.get_many([self._key("head")])
        head = None if raw is None else _read(raw, _Head)
        if head is None or head.version != VERSION:
            return {}
        self._last = head.last
        found: dict[bytes, list[tuple[bytes, Sequence[float]]]] = {}
        numbers = range(max(0, head.last - self._chunks + 1), head.last + 1)
        for start in range(0, len(numbers), AT_ONCE):
            for row in await self._load_chunks(numbers[start : start + AT_ONCE]):
                found.setdefault(row.group, []).append((row.key, _unpacked(row.numbers)))
        return found

    async def add(self, vectors: Sequence[KeptVector]) -> None:
        """Keeps vectors; written in blocks."""
        self._rows.extend(_Row(one.group, one.key, _packed(one.vector)) for one in vectors)
        self._unsaved += len(vectors)
        if self._unsaved >= FLUSH:
            await self.flush()

    async def flush(self) -> None:
        """Writes what is not yet written."""
        async with self._writing:
            if self._unsaved:
                await self._write()

    async def _write(self) -> None:
        rows, first = self._rows, self._last
        full = len(rows) // CHUNK
        self._last, self._rows, self._unsaved = first + full, rows[full * CHUNK :], 0
        # the head comes last: it names chunks that are there
        await self._backend.set_many(
            [
                *(
                    (self._chunk_key(first + n), _encode(_Chunk(VERSION, rows[n * CHUNK : (n + 1) * CHUNK])))
                    for n in range(full + 1)
                ),
                (self._key("head"), _encode(_Head(VERSION, self._last))),
            ],
            None,
        )
        gone = [number - self._chunks for number in range(first + 1, self._last + 1) if number >= self._chunks]
        if gone:
            await self._backend.delete_many([self._chunk_key(number) for number in gone])

    async def _load_chunks(self, numbers: Sequence[int]) -> list[_Row]:
        rows: list[_Row] = []
        raws = await self._backend.get_many([self._chunk_key(number) for number in numbers])
        for number, raw in zip(numbers, raws, strict=True):
            chunk = None if raw is None else _read(raw, _Chunk)
            if chunk is None or chunk.version != VERSION or any(len(row.numbers) % SINGLE_BYTES for row in chunk.rows):
                self.unread += 1
                continue
            rows += chunk.rows
            if number == self._last:
                self._rows = list(chunk.rows)
        return rows

    def _chunk_key(self, number: int) -> bytes:
        return self._key(f"chunk {number}")

    def _key(self, name: str) -> bytes:
        text = f"evalperf vectors {VERSION}\n{self._identity}\n{name}"
        return hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()[:16]


def _encode(value: Struct) -> bytes:
    return msgspec.msgpack.encode(value)


def _read(raw: bytes, form: type[AnyStruct]) -> AnyStruct | None:
    try:
        return msgspec.msgpack.decode(raw, type=form)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None


def _packed(vector: Sequence[float]) -> bytes:
    numbers = array("f", vector)
    if sys.byteorder == "big":
        numbers.byteswap()
    return numbers.tobytes()


def _unpacked(raw: bytes) -> Sequence[float]:
    numbers = array("f", raw)
    if sys.byteorder == "big":
        numbers.byteswap()
    return numbers
