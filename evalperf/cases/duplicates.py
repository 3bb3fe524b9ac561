"""Whether an id has been seen before: exact, in 12 MB for a million ids and 4 bytes for each above that."""

from __future__ import annotations

import os
import random
import struct
import tempfile
from array import array
from typing import IO

from xxhash import xxh3_128_digest

__all__ = ["SeenIds"]

_FIRST_CAPACITY = 1 << 20
_FILTER_BYTES_PER_ID = 4
_PARTITIONS = 4096
_RECORD_BYTES = 24  # 16 of the digest, 8 of the number
_RUN_IDS = 80_000

_four_words = struct.Struct("<IIII").unpack
_RANDOM = random.Random(0)
_BIT_PATTERNS = tuple(sum(1 << bit for bit in _RANDOM.sample(range(64), 4)) for _ in range(4096))


class SeenIds:
    """A set of ids, each with the number of the record that had it first; on disk but for a Bloom filter.

    The filter answers for nearly every new id; only what it takes for old (all duplicates, and 1 in 1,000 of the new)
    is looked up among the digests on disk. These are kept in runs, each grouped by a part of the digest, so that a
    lookup reads a few kilobytes. Two ids count as the same where their 128-bit hashes are: once in 10²⁶ for a million.
    """

    def __init__(self) -> None:
        self._filter = _Filter(_FIRST_CAPACITY)
        self._older: list[_Filter] = []
        self._fresh: list[bytearray | None] = [None] * _PARTITIONS
        self._room = _RUN_IDS
        self._file: IO[bytes] | None = None
        self._runs: list[array[int]] = []

    def add(self, id_: str, seq: int) -> int | None:
        """None for a new id, which is now known; else the number of the record that had it first."""
        digest = xxh3_128_digest(id_.encode())
        word_hash, bits_hash, partition_hash, _ = _four_words(digest)
        partition = partition_hash % _PARTITIONS
        if (self._filter.mark(word_hash, bits_hash) or self._in_older(word_hash, bits_hash)) and (
            first := self._find(digest, partition)
        ) is not None:
            return first
        held = self._fresh[partition]
        if held is None:
            self._fresh[partition] = bytearray(digest + seq.to_bytes(8, "little"))
        else:
            held += digest + seq.to_bytes(8, "little")
        self._room -= 1
        if not self._room:
            self._spill()
        return None

    def find(self, id_: str) -> int | None:
        """As `add`, but adds nothing."""
        digest = xxh3_128_digest(id_.encode())
        word_hash, bits_hash, partition_hash, _ = _four_words(digest)
        if self._filter.has(word_hash, bits_hash) or self._in_older(word_hash, bits_hash):
            return self._find(digest, partition_hash % _PARTITIONS)
        return None

    def close(self) -> None:
        """Removes the file."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def _in_older(self, word_hash: int, bits_hash: int) -> bool:
        return any(filter_.has(word_hash, bits_hash) for filter_ in self._older)

    def _find(self, digest: bytes, partition: int) -> int | None:
        for run in self._runs:
            start, end = run[partition], run[partition + 1]
            if end > start and self._file is not None:
                records = os.pread(self._file.fileno(), end - start, start)
                if (seq := _search(records, digest)) is not None:
                    return seq
        held = self._fresh[partition]
        return None if held is None else _search(held, digest)

    def _spill(self) -> None:
        if self._file is None:
            self._file = tempfile.TemporaryFile(prefix="evalperf-ids-", buffering=0)  # noqa: SIM115 - closed by close()
        starts = array("Q")
        at = self._file.seek(0, 2)
        for held in self._fresh:
            starts.append(at)
            at += 0 if held is None else len(held)
        starts.append(at)
        self._file.write(b"".join(held for held in self._fresh if held is not None))
        self._runs.append(starts)
        self._fresh = [None] * _PARTITIONS
        self._room = _RUN_IDS
        if self._filter.room < _RUN_IDS:
            self._older.append(self._filter)
            self._filter = _Filter(2 * self._filter.capacity)


class _Filter:
    """A Bloom filter of 64-bit words, one word and four of its bits per id; full, it errs on 1 new id in 1,000."""

    __slots__ = ("_mask", "_words", "capacity", "room")

    def __init__(self, capacity: int) -> None:
        self.capacity = capacity
        self.room = capacity
        self._words = array("Q", bytes(capacity * _FILTER_BYTES_PER_ID))
        self._mask = len(self._words) - 1

    def has(self, word_hash: int, bits_hash: int) -> bool:
        bits = _BIT_PATTERNS[bits_hash & 4095]
        return self._words[word_hash & self._mask] & bits == bits

    def mark(self, word_hash: int, bits_hash: int) -> bool:
        """Whether it may have been here before; it is, from now on."""
        bits = _BIT_PATTERNS[bits_hash & 4095]
        at = word_hash & self._mask
        word = self._words[at]
        if word & bits == bits:
            return True
        self._words[at] = word | bits
        self.room -= 1
        return False


def _search(records: bytes | bytearray, key: bytes) -> int | None:
    at = records.find(key)
    while at >= 0 and at % _RECORD_BYTES:
        at = records.find(key, at + 1)
    return None if at < 0 else int.from_bytes(records[at + 16 : at + 24], "little")
