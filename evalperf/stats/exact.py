"""Sums that do not depend on the order of their terms.

Every finite double is a whole multiple of 2⁻¹⁰⁷⁴, so a sum of doubles is a whole number of such units, and Python's
integers hold it exactly. Only reading the result rounds, once and correctly. A summary is therefore the same, byte for
byte, for any order of completion and any split into parts.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Self

__all__ = ["ExactSum", "Moments"]

_UNIT_BITS = 1074
"""The smallest positive double is 2⁻¹⁰⁷⁴."""
_UNIT = 1 << _UNIT_BITS
_SQUARE_UNIT = 1 << 2 * _UNIT_BITS


def _units(value: float) -> int:
    numerator, denominator = value.as_integer_ratio()
    return numerator << (_UNIT_BITS + 1 - denominator.bit_length())


class ExactSum:
    """A running sum without rounding; about 0.3 µs a term."""

    __slots__ = ("_total",)

    def __init__(self, values: Iterable[float] = ()) -> None:
        self._total = 0
        for value in values:
            self.add(value)

    def add(self, value: float) -> None:
        """Adds a term; ValueError or OverflowError for what is not finite."""
        self._total += _units(value)

    def add_all(self, values: list[float]) -> None:
        """Adds many terms at the speed of `math.fsum`, and as exactly as one by one.

        fsum rounds once. What it rounded off is a sum of doubles again, and so on until nothing is left: two or three
        rounds for values of similar size. `values` is used as scratch space and is left with more terms than before.
        """
        while (rounded := math.fsum(values)) != 0.0:
            self._total += _units(rounded)
            values.append(-rounded)

    def merge(self, other: ExactSum) -> None:
        """Adds another sum's terms."""
        self._total += other._total

    def value(self) -> float:
        """The sum, rounded once."""
        return self._total / _UNIT

    def mean(self, count: int) -> float:
        """The sum divided by `count`, rounded once."""
        return self._total / (_UNIT * count)

    def parts(self) -> list[float]:
        """Doubles whose exact sum this is, largest first: its form in JSON. `ExactSum(parts)` brings it back."""
        parts = []
        rest = self._total
        while rest:
            part = rest / _UNIT
            parts.append(part)
            rest -= _units(part)
        return parts

    def __eq__(self, other: object) -> bool:
        return isinstance(other, ExactSum) and self._total == other._total

    __hash__ = None  # type: ignore[assignment]  # mutable


class Moments:
    """Count, mean and standard deviation of a stream, exact until they are read.

    Zeros and ones are only counted (0.1 µs); other values cost about 0.7 µs. Variance is computed from exact sums of
    values and squares, so a large mean with a small spread loses nothing.
    """

    __slots__ = ("_squares", "_total", "ones", "others", "zeros")

    def __init__(self) -> None:
        self.zeros = 0
        self.ones = 0
        self.others = 0
        self._total = 0
        self._squares = 0

    def add(self, value: float) -> None:
        """Takes a finite value."""
        if value == 1.0:
            self.ones += 1
        elif value == 0.0:
            self.zeros += 1
        else:
            numerator, denominator = value.as_integer_ratio()
            shift = _UNIT_BITS + 1 - denominator.bit_length()
            self._total += numerator << shift
            self._squares += numerator * numerator << 2 * shift
            self.others += 1

    def merge(self, other: Self) -> None:
        """Takes all values that the other has seen."""
        self.zeros += other.zeros
        self.ones += other.ones
        self.others += other.others
        self._total += other._total
        self._squares += other._squares

    @property
    def n(self) -> int:
        """How many values."""
        return self.zeros + self.ones + self.others

    @property
    def binary(self) -> bool:
        """Whether every value was 0 or 1."""
        return self.others == 0

    def mean(self, *, extra_zeros: int = 0) -> float | None:
        """The mean, with `extra_zeros` more values of 0; None for no value at all."""
        count = self.n + extra_zeros
        return (self._total + self.ones * _UNIT) / (_UNIT * count) if count else None

    def std(self) -> float | None:
        """The sample standard deviation (n - 1); None below two values."""
        count = self.n
        if count < 2:
            return None
        total = self._total + self.ones * _UNIT
        squares = self._squares + self.ones * _SQUARE_UNIT
        return math.sqrt((count * squares - total * total) / (_SQUARE_UNIT * count * (count - 1)))
