"""Whether an id has been seen before: exact, in 12 MB for a million ids and 4 bytes for each above that."""

from __future__ import annotations

import os
import random
import struct
import tempfile
from array import array
from collections.abc import Sequence
from typing import IO

from xxhash import xxh3_128_digest

__all__ = ["SeenIds"]

_FIRST_WORDS = 1 << 19
_IDS_PER_WORD = 2
_PARTITIONS = 4096
_PARTITION_MASK = _PARTITIONS - 1
_RECORD_BYTES = 24  # 16 of the digest, 8 of the number
_RUN_IDS = 80_000

_three_words = struct.Struct("<III4x").unpack
_iter_words = struct.Struct("<III4x").iter_unpack
_RANDOM = random.Random(0)
_BIT_PATTERNS = tuple(sum(1 << bit for bit in _RANDOM.sample(range(64), 4)) for _ in range(4096))


class SeenIds:
    """A set of ids, each with the number of the record that had it first; on disk but for a Bloom filter.

    The filter answers for nearly every new id; only what it takes for old (all duplicates, and 1 in 1,000 of the new)
    is looked up among the digests on disk. These are kept in runs, each grouped by a part of the digest, so that a
    lookup reads a few kilobytes. Two ids count as the same where their 128-bit hashes are: once in 10²⁶ for a million.
    """

    def __init__(self) -> None:
        self._older: list[array[int]] = []
        self._grow(_FIRST_WORDS)
        self._fresh = _no_records()
        self._room = _RUN_IDS
        self._file: IO[bytes] | None = None
        self._runs: list[array[int]] = []

    def add(self, id_: str, seq: int) -> int | None:
        """None for a new id, which is now known; else the number of the record that had it first."""
        digest = xxh3_128_digest(id_.encode())
        word_hash, bits_hash, partition = _three_words(digest)
        partition &= _PARTITION_MASK
        words, bits = self._words, _BIT_PATTERNS[bits_hash & 4095]
        at = word_hash & self._mask
        word = words[at]
        if word & bits != bits:
            words[at] = word | bits
            maybe_old = bool(self._older) and self._in_older(word_hash, bits)
        else:
            maybe_old = True
        if maybe_old and (first := self._find(digest, partition)) is not None:
            return first
        self._fresh[partition] += digest + seq.to_bytes(8, "little")
        self._room -= 1
        if not self._room:
            self._spill()
        return None

    def add_all(self, ids: Sequence[str], seq: int) -> tuple[int, int | None]:
        """Adds the ids of consecutive records, the first of which is `seq`, up to one that is known already.

        How many were new, and the number of the record that had the next one first: None where all were. Three times
        as fast as `add` for each.
        """
        done = 0
        while done < len(ids):
            few = ids[done : done + self._room]
            new, first = self._add_few(few, seq + done)
            done += new
            if first is not None:
                return done, first
            if not self._room:
                self._spill()
        return done, None

    def _add_few(self, ids: Sequence[str], seq: int) -> tuple[int, int | None]:
        """As `add_all`, for no more ids than there is room for; the loop is `add` with nothing called in it."""
        words, mask, older, fresh, patterns = self._words, self._mask, self._older, self._fresh, _BIT_PATTERNS
        digests = list(map(xxh3_128_digest, map(str.encode, ids)))
        numbers = range(seq, seq + len(ids))
        for digest, number, (word_hash, bits_hash, hash_) in zip(
            digests, numbers, _iter_words(b"".join(digests)), strict=True
        ):
            bits = patterns[bits_hash & 4095]
            at = word_hash & mask
            word = words[at]
            partition = hash_ & _PARTITION_MASK
            if word & bits != bits:
                words[at] = word | bits
                maybe_old = older and self._in_older(word_hash, bits)
            else:
                maybe_old = True
            if maybe_old and (first := self._find(digest, partition)) is not None:
                self._room -= number - seq
                return number - seq, first
            fresh[partition] += digest + number.to_bytes(8, "little")
        self._room -= len(ids)
        return len(ids), None

    def find(self, id_: str) -> int | None:
        """As `add`, but adds nothing."""
        digest = xxh3_128_digest(id_.encode())
        word_hash, bits_hash, partition = _three_words(digest)
        bits = _BIT_PATTERNS[bits_hash & 4095]
        if self._words[word_hash & self._mask] & bits == bits or self._in_older(word_hash, bits):
            return self._find(digest, partition & _PARTITION_MASK)
        return None

    def close(self) -> None:
        """Removes the file."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def _in_older(self, word_hash: int, bits: int) -> bool:
        return any(words[word_hash & (len(words) - 1)] & bits == bits for words in self._older)

    def _find(self, digest: bytes, partition: int) -> int | None:
        for run in self._runs:
            start, end = run[partition], run[partition + 1]
            if end > start and self._file is not None:
                records = os.pread(self._file.fileno(), end - start, start)
                if (seq := _search(records, digest)) is not None:
                    return seq
        return _search(self._fresh[partition], digest)

    def _spill(self) -> None:
        if self._file is None:
            self._file = tempfile.TemporaryFile(prefix="evalperf-ids-", buffering=0)  # noqa: SIM115 - closed by close()
        starts = array("Q")
        at = self._file.seek(0, 2)
        for held in self._fresh:
            starts.append(at)
            at += len(held)
        starts.append(at)
        self._file.write(b"".join(self._fresh))
        self._runs.append(starts)
        self._fresh = _no_records()
        self._room = _RUN_IDS
        self._filter_room -= _RUN_IDS
        if self._filter_room < _RUN_IDS:
            self._older.append(self._words)
            self._grow(2 * len(self._words))

    def _grow(self, words: int) -> None:
        """A new filter: one 64-bit word for two ids, four of its bits for each; full, it errs on 1 new id in 1,000."""
        self._words = array("Q", bytes(8 * words))
        self._mask = words - 1
        self._filter_room = words * _IDS_PER_WORD


def _no_records() -> list[bytearray]:
    return [bytearray() for _ in range(_PARTITIONS)]


def _search(records: bytes | bytearray, key: bytes) -> int | None:
    at = records.find(key)
    while at >= 0 and at % _RECORD_BYTES:
        at = records.find(key, at + 1)
    return None if at < 0 else int.from_bytes(records[at + 16 : at + 24], "little")
