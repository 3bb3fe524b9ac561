"""The nearest of many vectors, exactly: a bounded index in memory, searched by matrix products."""

from __future__ import annotations

from bisect import bisect_right
from collections import OrderedDict
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final, Literal

from msgspec import Struct

from evalperf.errors import ConfigError

if TYPE_CHECKING:
    import numpy as np

__all__ = ["Neighbour", "VectorIndex"]

BLOCK_ROWS: Final = 4096
FIRST_BLOCK_ROWS: Final = 64
"""A group begins small and doubles its blocks, so that many small groups are cheap."""

ROW_BYTES: Final = 400
"""What an entry takes besides its numbers and its key: its places in two dictionaries, an age, a tuple."""

MARGIN: Final = 1e-5
"""More than the rounding of a product in single precision: what is within it is looked at again in double precision."""


PLACES: Final = 7
"""Decimals in which similarities must differ to be different: more are noise, and of equal ones the older wins."""

_Place = tuple[bytes, int]
"""A group and the length of its vectors."""


class Neighbour(Struct, frozen=True, gc=False):
    """An entry near to what was searched."""

    key: bytes
    similarity: float
    """The cosine, −1 to 1."""


class VectorIndex:
    """Keeps vectors under keys, in groups that never mix, and finds the nearest by cosine similarity.

    Vectors of different length never mix either.
    Bounded by entries and by bytes: `lru` evicts what was least recently added or found, `oldest` what was added first.
    A search is exact: similarities are those of the single-precision vectors, calculated in double precision, and of
    equal ones the older entry wins. A vector of zeros has no direction: it is not kept, and finds nothing.
    For one owner: calls from several threads at once are not safe. Needs numpy (extra `semantic`).
    """

    def __init__(self, *, max_entries: int, max_bytes: int, eviction: Literal["lru", "oldest"] = "lru") -> None:
        self._np = _numpy()
        self._max_entries = max_entries
        self._max_bytes = max_bytes
        self._lru = eviction == "lru"
        self._groups: dict[_Place, _Group] = {}
        self._order: OrderedDict[tuple[_Place, bytes], int] = OrderedDict()  # → bytes that it takes; first out first
        self._added = 0
        self.size_bytes = 0
        """What the entries take of the process's memory; of each group up to half again is reserved."""
        self.evicted = 0

    def __len__(self) -> int:
        return len(self._order)

    def add_many(
        self, group: bytes, entries: Sequence[tuple[bytes, Sequence[float]]], *, extra_bytes: Sequence[int] = ()
    ) -> list[bytes]:
        """Keeps (key, vector) pairs and returns the keys that had to make room for them, or were not kept at all.

        A key that is there gets the new vector and stays as old as it was. `extra_bytes` is what the caller keeps
        beside each entry, for the bound. Raises ValueError for vectors that are not finite or not all of one length.
        """
        if not entries:
            return []
        units, usable = self._units([vector for _, vector in entries])
        place = (group, units.shape[1])
        extras = extra_bytes or [0] * len(entries)
        refused = []
        for (key, _), unit, is_usable, extra in zip(entries, units, usable, extras, strict=True):
            if is_usable:
                self._put(place, key, unit, extra)
            else:
                refused.append(key)
                self._drop(place, key)
        return refused + self._make_room()

    def search_many(
        self, group: bytes, vectors: Sequence[Sequence[float]], k: int = 1, threshold: float = -1.0
    ) -> list[list[Neighbour]]:
        """For each vector the `k` nearest entries of the group with at least that similarity, the nearest first."""
        if not len(vectors):
            return []
        queries, usable = self._units(vectors)
        place = (group, queries.shape[1])
        if place not in self._groups:
            return [[] for _ in vectors]
        nearest = iter(self._groups[place].nearest(queries[usable], k, threshold))
        results = [next(nearest) if is_usable else [] for is_usable in usable]
        if self._lru:
            for near in results:
                for neighbour in reversed(near):
                    self._order.move_to_end((place, neighbour.key))
        return results

    def _units(self, vectors: Sequence[Sequence[float]]) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
        """The vectors stretched to length 1, and which of them have a direction at all."""
        np = self._np
        matrix = np.stack([np.asarray(vector, dtype=np.float32) for vector in vectors])
        lengths = np.linalg.norm(matrix.astype(np.float64), axis=1)
        if not np.isfinite(lengths).all():
            raise ValueError("a vector with a number that is not finite")
        safe = np.where(lengths > 0, lengths, 1.0)
        return (matrix / safe[:, None]).astype(np.float32), lengths > 0

    def _put(self, place: _Place, key: bytes, unit: np.ndarray[Any, Any], extra_bytes: int) -> None:
        if place not in self._groups:
            self._groups[place] = _Group(self._np, place[1])
        self._added += 1
        self._groups[place].put(key, unit, self._added)
        self.size_bytes -= self._order.get((place, key), 0)
        self._order[place, key] = unit.nbytes + len(key) + ROW_BYTES + extra_bytes
        self.size_bytes += self._order[place, key]
        if self._lru:
            self._order.move_to_end((place, key))

    def _make_room(self) -> list[bytes]:
        gone = []
        while len(self._order) > self._max_entries or self.size_bytes > self._max_bytes:
            place, key = next(iter(self._order))
            self._drop(place, key)
            self.evicted += 1
            gone.append(key)
        return gone

    def _drop(self, place: _Place, key: bytes) -> None:
        size_bytes = self._order.pop((place, key), None)
        if size_bytes is None:
            return
        self.size_bytes -= size_bytes
        self._groups[place].remove(key)
        if not len(self._groups[place]):
            del self._groups[place]


class _Group:
    """Rows of one length in blocks; a removed row's place is taken by the last one, so that there are no gaps."""

    def __init__(self, numpy: Any, length: int) -> None:
        self._np = numpy
        self.length = length
        self._blocks: list[np.ndarray[Any, Any]] = []
        self._starts: list[int] = []
        self._keys: list[bytes] = []
        self._ages: list[int] = []
        self._row_of: dict[bytes, int] = {}

    def __len__(self) -> int:
        return len(self._keys)

    def put(self, key: bytes, unit: np.ndarray[Any, Any], age: int) -> None:
        row = self._row_of.get(key)
        if row is None:
            row = self._row_of[key] = len(self._keys)
            self._keys.append(key)
            self._ages.append(age)
            self._reserve(row)
        self._row(row)[:] = unit

    def remove(self, key: bytes) -> None:
        row, last = self._row_of.pop(key), len(self._keys) - 1
        if row != last:
            self._row(row)[:] = self._row(last)
            self._keys[row], self._ages[row] = self._keys[last], self._ages[last]
            self._row_of[self._keys[row]] = row
        self._keys.pop()
        self._ages.pop()
        if self._starts[-1] == last:
            self._blocks.pop()
            self._starts.pop()

    def nearest(self, queries: np.ndarray[Any, Any], k: int, threshold: float) -> list[list[Neighbour]]:
        """The best rows of each query: chosen by products in single precision, decided in double precision."""
        np = self._np
        floors = np.full(len(queries), threshold, dtype=np.float64)
        candidates: list[list[int]] = [[] for _ in queries]
        for start, block in zip(self._starts, self._blocks, strict=True):
            products = queries @ block[: len(self._keys) - start].T
            promising = np.flatnonzero(products.max(axis=1) >= floors - MARGIN)
            for query in promising:
                row_products = products[query]
                if k < len(row_products):
                    kth = np.partition(row_products, len(row_products) - k)[len(row_products) - k]
                    floors[query] = max(floors[query], kth)
                near = np.flatnonzero(row_products >= floors[query] - MARGIN)
                candidates[query].extend((near + start).tolist())
        return [
            self._decide(unit, rows, k, threshold) if rows else []
            for unit, rows in zip(queries, candidates, strict=True)
        ]

    def _decide(self, unit: np.ndarray[Any, Any], rows: list[int], k: int, threshold: float) -> list[Neighbour]:
        np = self._np
        query = unit.astype(np.float64)
        found = np.stack([self._row(row) for row in rows]).astype(np.float64)
        # √(a·a × b·b) rather than |a| × |b|: for equal vectors it is a·a exactly, and their similarity exactly 1
        norms = np.sqrt((query * query).sum() * (found * found).sum(axis=1))
        similarities = np.clip((found * query).sum(axis=1) / norms, -1.0, 1.0).tolist()
        best = sorted(
            (-round(similarity, PLACES), self._ages[row], row, similarity)
            for similarity, row in zip(similarities, rows, strict=True)
            if similarity >= threshold
        )
        return [Neighbour(self._keys[row], similarity) for _, _, row, similarity in best[:k]]

    def _reserve(self, row: int) -> None:
        rows = self._starts[-1] + len(self._blocks[-1]) if self._blocks else 0
        if row < rows:
            return
        size = min(BLOCK_ROWS, max(FIRST_BLOCK_ROWS, rows))
        self._starts.append(rows)
        self._blocks.append(self._np.empty((size, self.length), dtype=self._np.float32))

    def _row(self, row: int) -> np.ndarray[Any, Any]:
        block = bisect_right(self._starts, row) - 1
        found: np.ndarray[Any, Any] = self._blocks[block][row - self._starts[block]]
        return found


def _numpy() -> Any:
    try:
        import numpy as np  # noqa: PLC0415 - optional
    except ImportError as error:
        raise ConfigError(
            "searching by similarity needs numpy, which is not installed", hint='pip install "evalperf[semantic]"'
        ) from error
    return np
