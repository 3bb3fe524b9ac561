"""Sums that do not depend on the order of their terms.

Every finite double is a whole multiple of 2⁻¹⁰⁷⁴, so a sum of doubles is a whole number of such units, and Python's
integers hold it exactly. Only reading the result rounds, once and correctly. A summary is therefore the same, byte for
byte, for any order of completion and any split into parts.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from fractions import Fraction
from operator import mul
from typing import Self

__all__ = ["SCALE", "Exact", "ExactSum", "Moments", "ratio", "scaled"]

Exact = int | Fraction
"""A sum of values in units of 2⁻¹²⁸: an integer, unless a value was finer than that."""

SCALE = 1 << 128
"""Every double from 2⁻⁷⁵ on (and 0) is a whole multiple of 1 / SCALE, so that scores are summed as small integers."""
_FACTOR = float(SCALE)

_UNIT_BITS = 1074
"""The smallest positive double is 2⁻¹⁰⁷⁴."""
_UNIT = 1 << _UNIT_BITS


def scaled(value: float) -> Exact:
    """The finite value in units of 1 / SCALE, exactly."""
    multiple = value * _FACTOR
    return int(multiple) if multiple.is_integer() else Fraction(value) * SCALE


def ratio(part: Exact, whole: Exact) -> float:
    """The quotient, rounded once."""
    if isinstance(part, int) and isinstance(whole, int):
        return part / whole
    return float(Fraction(part) / whole)


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
    """Count, mean, standard deviation and skewness of a stream, exact until they are read.

    Zeros and ones are only counted; other values cost about 0.4 µs. What is read comes from exact sums of the first
    three powers, so a large mean with a small spread loses nothing.
    """

    __slots__ = ("_cubes", "_squares", "_total", "ones", "others", "zeros")

    def __init__(self) -> None:
        self.zeros = 0
        self.ones = 0
        self.others = 0
        self._total: Exact = 0
        self._squares: Exact = 0
        self._cubes: Exact = 0

    def add(self, value: float) -> None:
        """Takes a finite value."""
        if value == 1.0:
            self.ones += 1
        elif value == 0.0:
            self.zeros += 1
        else:
            self._add_others([scaled(value)])

    def add_all(self, values: list[float]) -> None:
        """Takes finite values at once: zeros and ones at 0.03 µs each."""
        ones, zeros = values.count(1.0), values.count(0.0)
        self.ones += ones
        self.zeros += zeros
        if ones + zeros < len(values):
            self._add_others([scaled(value) for value in values if value not in (0.0, 1.0)])

    def _add_others(self, units: list[Exact]) -> None:
        squares = [unit * unit for unit in units]
        self.others += len(units)
        self._total += sum(units)
        self._squares += sum(squares)
        self._cubes += sum(map(mul, squares, units))

    def merge(self, other: Self) -> None:
        """Takes all values that the other has seen."""
        self.zeros += other.zeros
        self.ones += other.ones
        self.others += other.others
        self._total += other._total
        self._squares += other._squares
        self._cubes += other._cubes

    def without(self, part: Moments) -> Moments:
        """The moments of what is left when the values of `part`, all of them in here, are taken out."""
        rest = Moments()
        rest.zeros = self.zeros - part.zeros
        rest.ones = self.ones - part.ones
        rest.others = self.others - part.others
        rest._total = self._total - part._total
        rest._squares = self._squares - part._squares
        rest._cubes = self._cubes - part._cubes
        return rest

    @property
    def n(self) -> int:
        """How many values."""
        return self.zeros + self.ones + self.others

    @property
    def binary(self) -> bool:
        """Whether every value was 0 or 1."""
        return self.others == 0

    @property
    def total(self) -> Exact:
        """The sum, in units of 1 / SCALE."""
        return self._total + self.ones * SCALE

    def mean(self, *, extra_zeros: int = 0) -> float | None:
        """The mean, with `extra_zeros` more values of 0; None for no value at all."""
        count = self.n + extra_zeros
        return ratio(self.total, SCALE * count) if count else None

    def std(self) -> float | None:
        """The sample standard deviation (n - 1); None below two values."""
        count = self.n
        if count < 2:
            return None
        return math.sqrt(ratio(self._spread(), SCALE**2 * count * (count - 1)))

    def skewness(self) -> float | None:
        """The third standardised moment m₃ / m₂^1.5; None where all values are equal."""
        count, total, spread = self.n, self.total, self._spread()
        if spread == 0:
            return None
        squares, cubes = self._squares + self.ones * SCALE**2, self._cubes + self.ones * SCALE**3
        third = count * count * cubes - 3 * count * total * squares + 2 * total**3
        return math.copysign(math.sqrt(ratio(third * third, spread**3)), third)

    def _spread(self) -> Exact:
        """n² times the variance (n), in squared units."""
        return self.n * (self._squares + self.ones * SCALE**2) - self.total**2
