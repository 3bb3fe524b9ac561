"""Which cases are done: one bit for each (line, epoch), so that 10 million take 1.25 MB."""

from __future__ import annotations

from collections.abc import Collection

__all__ = ["MOST_KEYS", "Bitmap", "key_of"]

MOST_KEYS = 1 << 27
"""Cases times epochs of a run: 134 million. A set of them takes 16 MiB, of which a resume holds a few. Without a limit
a forged key would make them as large as it says."""


def key_of(seq: int, epoch: int, epochs: int) -> int:
    """The number of a case in an epoch: its line counted from 0, times the epochs, plus its epoch counted from 0."""
    return (seq - 1) * epochs + epoch - 1


class Bitmap:
    """A set of small integers that grows as needed."""

    def __init__(self, capacity: int = 0) -> None:
        self._bits = bytearray((capacity + 7) // 8)
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def __contains__(self, key: int) -> bool:
        byte = key >> 3
        return byte < len(self._bits) and bool(self._bits[byte] >> (key & 7) & 1)

    def first_missing(self, start: int, end: int) -> int:
        """The first key from `start` on that is not in the set, `end` if all before that are; a byte at a time."""
        key = start
        while key < end and key & 7 and key in self:
            key += 1
        if key & 7 == 0:
            rest = self._bits[key >> 3 : (end >> 3) + 1]
            key += (len(rest) - len(rest.lstrip(b"\xff"))) << 3
        while key < end and key in self:
            key += 1
        return min(key, end)

    def add(self, key: int) -> bool:
        """Whether the key is new."""
        self._make_room(key)
        byte, bit = key >> 3, 1 << (key & 7)
        if self._bits[byte] & bit:
            return False
        self._bits[byte] |= bit
        self._count += 1
        return True

    def update(self, keys: Collection[int]) -> int:
        """Adds them; how many were there already."""
        if not keys:
            return 0
        self._make_room(max(keys))
        bits = self._bits
        known = 0
        for key in keys:
            bit = 1 << (key & 7)
            if bits[key >> 3] & bit:
                known += 1
            else:
                bits[key >> 3] |= bit
        self._count += len(keys) - known
        return known

    def copy(self) -> Bitmap:
        """The same keys, as a new set."""
        return self.union(Bitmap())

    def union(self, other: Bitmap) -> Bitmap:
        """The keys of both, as a new set."""
        both = Bitmap()
        both._set(self._as_int() | other._as_int())
        return both

    def count_beyond(self, other: Bitmap) -> int:
        """How many of the keys the other set has not."""
        return (self._as_int() & ~other._as_int()).bit_count()

    def _make_room(self, key: int) -> None:
        missing = (key >> 3) + 1 - len(self._bits)
        if missing > 0:
            self._bits.extend(bytes(max(missing, len(self._bits), 64)))

    def _as_int(self) -> int:
        return int.from_bytes(self._bits, "little")

    def _set(self, bits: int) -> None:
        self._bits = bytearray(bits.to_bytes((bits.bit_length() + 7) // 8, "little"))
        self._count = bits.bit_count()
