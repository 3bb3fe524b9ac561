"""Quantiles of a stream within 1 %, in memory that does not grow: DDSketch.

Masson, Rim and Lee, "DDSketch: a fast and fully-mergeable quantile sketch with relative-error guarantees" (VLDB 2019).
A value x falls into bucket ⌈log_γ x⌉ with γ = (1 + α) / (1 - α), and 2γⁱ / (γ + 1) is within α of all that bucket i
holds. From a microsecond to a day there are 1,260 buckets.
"""

from __future__ import annotations

import math
from collections import Counter
from typing import Any, Self

from evalperf.stats.exact import ExactSum

__all__ = ["Sketch"]

_ALPHA = 0.01
_SMALLEST = 1e-9
"""Below it a value counts as zero: a nanosecond is less than any clock here can tell."""
_LARGEST = 1e300
_PENDING = 512
"""Values are sorted into buckets by that many at once, which is twice as fast as one by one."""


class Sketch:
    """Counts of values by size: quantiles within `alpha` of the true ones; count, min, max and mean are exact.

    The quantile q is meant as the value of rank ⌊q · (n - 1)⌋ of the sorted values. Merging is exact: the parts of a
    stream, in any order, give the same sketch as the stream. Adding costs about 0.25 µs.
    """

    __slots__ = ("_buckets", "_inverse_log", "_max", "_min", "_pending", "_sum", "_zeros", "alpha", "gamma")

    def __init__(self, alpha: float = _ALPHA) -> None:
        if not 0.0 < alpha < 1.0:
            raise ValueError(f"alpha must be between 0 and 1, not {alpha}")
        self.alpha = alpha
        self.gamma = (1 + alpha) / (1 - alpha)
        self._inverse_log = 1 / math.log(self.gamma)
        self._buckets: Counter[int] = Counter()
        self._zeros = 0
        self._sum = ExactSum()
        self._min = math.inf
        self._max = -math.inf
        self._pending: list[float] = []

    def add(self, value: float) -> None:
        """Takes a value of 0 or more; ValueError for a negative one, NaN and infinity."""
        if not 0.0 <= value <= _LARGEST:
            raise ValueError(f"a sketch holds numbers from 0 to {_LARGEST:g}, not {value!r}")
        pending = self._pending
        pending.append(value)
        if len(pending) >= _PENDING:
            self._fold()

    def add_all(self, values: list[float]) -> None:
        """Takes many values; the same as one by one."""
        if not all([0.0 <= value <= _LARGEST for value in values]):  # noqa: C419 - a list is faster than a generator
            raise ValueError(f"a sketch holds numbers from 0 to {_LARGEST:g}")
        self._pending += values
        if len(self._pending) >= _PENDING:
            self._fold()

    def merge(self, other: Sketch) -> None:
        """Takes all values that the other has seen; ValueError where its alpha differs."""
        if other.alpha != self.alpha:
            raise ValueError(f"sketches of alpha {self.alpha} and {other.alpha} do not merge")
        self._fold()
        other._fold()
        self._buckets.update(other._buckets)
        self._zeros += other._zeros
        self._sum.merge(other._sum)
        self._min = min(self._min, other._min)
        self._max = max(self._max, other._max)

    @property
    def count(self) -> int:
        """How many values."""
        self._fold()
        return self._zeros + sum(self._buckets.values())

    @property
    def min(self) -> float | None:
        """The smallest value, exactly; None for no value."""
        self._fold()
        return self._min if self._min <= self._max else None

    @property
    def max(self) -> float | None:
        """The largest value, exactly; None for no value."""
        self._fold()
        return self._max if self._min <= self._max else None

    @property
    def mean(self) -> float | None:
        """The mean, exactly; None for no value."""
        count = self.count
        return self._sum.mean(count) if count else None

    def quantile(self, q: float) -> float | None:
        """The value of rank ⌊q · (n - 1)⌋, within alpha of the true one (0 and 1 are exact); None for no value."""
        if not 0.0 <= q <= 1.0:
            raise ValueError(f"a quantile lies between 0 and 1, not at {q}")
        count = self.count
        if count == 0:
            return None
        if q in (0.0, 1.0):
            return self._max if q else self._min
        rank = q * (count - 1)
        seen = self._zeros
        if seen > rank:
            return min(0.0, self._max)
        for index in sorted(self._buckets):
            seen += self._buckets[index]
            if seen > rank:
                return self._representative(index)
        return self._max

    def index(self, value: float) -> int:
        """The bucket of a positive value."""
        return math.ceil(math.log(value) * self._inverse_log)

    def as_json(self) -> dict[str, Any]:
        """Plain data from which `from_json` makes an equal sketch; equal sketches give equal data."""
        self._fold()
        return {
            "alpha": self.alpha,
            "zeros": self._zeros,
            "buckets": {str(index): self._buckets[index] for index in sorted(self._buckets)},
            "min": self.min,
            "max": self.max,
            "sum": self._sum.parts(),
        }

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Self:
        """The sketch that `as_json` described."""
        sketch = cls(data["alpha"])
        sketch._zeros = data["zeros"]
        sketch._buckets = Counter({int(index): count for index, count in data["buckets"].items()})
        sketch._min = math.inf if data["min"] is None else data["min"]
        sketch._max = -math.inf if data["max"] is None else data["max"]
        sketch._sum = ExactSum(data["sum"])
        return sketch

    def _representative(self, index: int) -> float:
        middle = 2 * self.gamma**index / (self.gamma + 1)
        return min(max(middle, self._min), self._max)

    def _fold(self) -> None:
        pending = self._pending
        if not pending:
            return
        self._min = min(self._min, *pending)
        self._max = max(self._max, *pending)
        positive = [value for value in pending if value >= _SMALLEST]
        self._zeros += len(pending) - len(positive)
        inverse_log, log, ceil = self._inverse_log, math.log, math.ceil
        self._buckets.update([ceil(log(value) * inverse_log) for value in positive])
        self._sum.add_all(pending)
        pending.clear()
