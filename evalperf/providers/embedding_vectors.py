"""What vectors must be, wherever they come from: finite, one a text, and all of one length."""

from __future__ import annotations

import math
from array import array
from collections.abc import Iterable, Sequence

from evalperf.errors import ProviderError
from evalperf.providers.embedding_base import Vector

__all__ = ["VectorCheck", "as_vector"]


def as_vector(numbers: Iterable[float]) -> Vector[float]:
    """The numbers in single precision; raises TypeError where they are none."""
    return array("f", numbers)


class VectorCheck:
    """Refuses replies that don't fit; the first good one fixes the length for all that follow."""

    def __init__(self, source: str, length: int | None = None) -> None:
        self._source = source
        self._length = length

    def __call__(self, vectors: Sequence[Vector[float]], texts: Sequence[str]) -> None:
        """Raises ProviderError for the vectors of a reply to `texts`."""
        if len(vectors) != len(texts):
            raise self._bad(f"{len(vectors)} vectors for {len(texts)} texts")
        length = len(vectors[0]) if self._length is None else self._length
        for vector in vectors:
            if len(vector) != length or not vector:
                raise self._bad(f"a vector of {len(vector)} numbers, expected {length or 'some'}")
            if not math.isfinite(sum(vector)):  # a NaN or an infinity survives every sum
                raise self._bad("a vector with a number that is not finite")
        self._length = length

    def _bad(self, what: str) -> ProviderError:
        return ProviderError("bad_reply", f"{self._source} has returned {what}")
