"""Reads short questions that name what to do: sums, means, next numbers, percentages, units."""

from __future__ import annotations

import re
from fractions import Fraction
from itertools import pairwise

from evalperf.simulator.solvers.numerals import DIGITS, read, write
from evalperf.simulator.solvers.working import Working

__all__ = ["read_change", "read_command", "read_list", "read_sequence", "read_unit"]

_N = rf"({DIGITS})"
_NUMBER = re.compile(DIGITS)

_COMMANDS = tuple(
    (re.compile(pattern, re.IGNORECASE), shape)
    for pattern, shape in (
        (rf"\badd {_N} (?:and|to) {_N}", "{a} + {b}"),
        (rf"\bsubtract {_N} from {_N}", "{b} − {a}"),
        (rf"\bmultiply {_N} by {_N}", "{a} × {b}"),
        (rf"\bproduct of {_N} and {_N}", "{a} × {b}"),
        (rf"\bdivide {_N} by {_N}", "{a} ÷ {b}"),
        (rf"\bremainder when {_N} is divided by {_N}", "{a} mod {b}"),
    )
)


def read_command(question: str) -> Working | None:
    """One operation that the question names."""
    for pattern, shape in _COMMANDS:
        if match := pattern.search(question):
            a, b = read(match[1]), read(match[2])
            value = _compute(shape, a, b)
            if value is None:
                return None
            return Working(f"{shape.format(a=write(a), b=write(b))} = {write(value)}", value)
    return None


def _compute(shape: str, a: Fraction, b: Fraction) -> Fraction | None:
    sign = shape.split()[1]
    if sign in ("÷", "mod") and b == 0:
        return None
    if sign == "−":
        return b - a
    return {"+": a + b, "×": a * b, "÷": a / b if b else a, "mod": a % b if b else a}[sign]


def read_list(question: str) -> Working | None:
    """Sum, mean, extremes of a list of numbers."""
    match = re.search(r"\b(average|mean|sum|(?:largest and the )?(?:largest|smallest))\b[a-z ]* of (.*)", question)
    if match is None:
        return None
    what = match[1]
    numbers = [read(found) for found in re.findall(r"\d+(?:\.\d+)?", match[2])]
    if not numbers:
        return None
    shown = ", ".join(map(write, numbers))
    if "difference" in question:
        low, high = min(numbers), max(numbers)
        return Working(f"{write(high)} − {write(low)} = {write(high - low)}", high - low)
    if what == "sum":
        return Working(f"{shown} add up to {write(sum(numbers, Fraction()))}", sum(numbers, Fraction()))
    if what in ("average", "mean"):
        total = sum(numbers, Fraction())
        return Working(f"the sum is {write(total)}, divided by {len(numbers)}", total / len(numbers))
    return Working(f"of {shown} it is easy to see", max(numbers) if what == "largest" else min(numbers))


def read_sequence(question: str) -> Working | None:
    """The next term where steps or ratios are equal; any other law is beyond this reader."""
    if "next" not in question:
        return None
    terms = [read(found) for found in re.findall(r"\d+", question)]
    if len(terms) < 3 or 0 in terms:
        return None
    steps = {after - before for before, after in pairwise(terms)}
    ratios = {after / before for before, after in pairwise(terms)}
    if len(steps) == 1:
        step = steps.pop()
        return Working(f"each step is {write(step)}", terms[-1] + step)
    if len(ratios) == 1:
        ratio = ratios.pop()
        return Working(f"each number is {write(ratio)} times the one before", terms[-1] * ratio)
    return None


def read_change(question: str) -> Working | None:
    """Shares and changes in percent."""
    if match := re.search(rf"percentage of {_N} is {_N}", question):
        whole, part = read(match[1]), read(match[2])
        return Working(f"{write(part)} of {write(whole)}", 100 * part / whole, "%") if whole else None
    match = re.search(rf"(reduced|falls|shrinks|grows|rises|raised|increased) by {_N} ?(?:%|percent)", question)
    before = _NUMBER.search(question)
    if match is None or before is None:
        return None
    base, percent = read(before[0]), read(match[2])
    change = base * percent / 100
    unit = "$" if f"${before[0]}" in question else ""
    if match[1] in ("reduced", "falls", "shrinks"):
        change = -change
    return Working(f"{write(percent)} % of {write(base)} is {write(abs(change))}", base + change, unit)


_UNITS: dict[str, tuple[str, Fraction]] = {
    "second": ("time", Fraction(1)),
    "minute": ("time", Fraction(60)),
    "hour": ("time", Fraction(3600)),
    "day": ("time", Fraction(86_400)),
    "week": ("time", Fraction(604_800)),
    "centimetre": ("length", Fraction(1, 100)),
    "metre": ("length", Fraction(1)),
    "kilometre": ("length", Fraction(1000)),
    "gram": ("mass", Fraction(1)),
    "kg": ("mass", Fraction(1000)),
    "kilogram": ("mass", Fraction(1000)),
}


def read_unit(question: str) -> Working | None:
    """A quantity in another unit; several parts, as hours and minutes, are added."""
    asked = re.search(r"^How many ([a-z]+?)s? are|\bto ([a-z]+?)s?\.?$", question)
    unit = _UNITS.get(asked[1] or asked[2]) if asked else None
    if asked is None or unit is None:
        return None
    dimension, size = unit
    total, parts = Fraction(), 0
    for number, name in re.findall(rf"{_N} ([a-z]+?)s?\b", question):
        known = _UNITS.get(name)
        if known is None or known[0] != dimension:
            return None
        total += read(number) * known[1] / size
        parts += 1
    return Working(f"in {asked[1] or asked[2]}s that is {write(total)}", total) if parts else None
