"""How numbers are written in problems and targets."""

from __future__ import annotations

from fractions import Fraction

__all__ = ["NAMES", "THINGS", "decimal_text", "fraction_text", "grouped", "number_name", "plural"]

NAMES = ("Ada", "Ben", "Chidi", "Dana", "Emre", "Farah", "Goran", "Hana", "Ivo", "Jun", "Kofi", "Lena", "Mia", "Noor",
         "Omar", "Priya", "Quinn", "Rosa", "Sven", "Tara")  # fmt: skip
THINGS = ("apples", "marbles", "stickers", "shells", "coins", "books", "stamps", "cards", "pencils", "oranges")

_UP_TO_19 = (  # noqa: SIM905 - words read better without quotes
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen "
    "eighteen nineteen"
).split()
_TENS = "zero ten twenty thirty forty fifty sixty seventy eighty ninety".split()  # noqa: SIM905 - as above


def grouped(number: int) -> str:
    """Digits, with commas between thousands."""
    return f"{number:,}"


def plural(number: int, noun: str) -> str:
    """The number and the noun, which ends in s unless the number is 1."""
    return f"1 {noun.removesuffix('s')}" if number == 1 else f"{grouped(number)} {noun}"


def number_name(number: int) -> str:
    """A number below 100 in words."""
    if number < 20:
        return _UP_TO_19[number]
    tens, ones = divmod(number, 10)
    return _TENS[tens] if ones == 0 else f"{_TENS[tens]}-{_UP_TO_19[ones]}"


def fraction_text(number: Fraction) -> str:
    """A whole number or a fraction: 7, 5/12."""
    return str(number)


def decimal_text(number: Fraction) -> str:
    """A whole number or a finite decimal, and a fraction where the decimals do not end: 7, 2.25, 5/12."""
    rest = number.denominator
    for prime in (2, 5):
        while rest % prime == 0:
            rest //= prime
    if number.denominator == 1 or rest != 1:
        return fraction_text(number)
    return f"{float(number):.10f}".rstrip("0")
