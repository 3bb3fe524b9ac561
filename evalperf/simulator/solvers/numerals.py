"""Numbers in text, and text for numbers."""

from __future__ import annotations

import re
from fractions import Fraction

__all__ = ["DIGITS", "read", "spell_out", "write"]

DIGITS = r"\d{1,3}(?:,\d{3})+(?:\.\d+)?|\d+(?:\.\d+)?"
"""An unsigned number with or without commas and decimals."""

_ONES = (  # noqa: SIM905 - words read better without quotes
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen "
    "eighteen nineteen"
).split()
_TENS = "twenty thirty forty fifty sixty seventy eighty ninety".split()  # noqa: SIM905 - as above
_VALUES = {
    **{name: value for value, name in enumerate(_ONES)},
    **{name: 20 + 10 * index for index, name in enumerate(_TENS)},
}
_NAMED = re.compile(
    rf"\b(?:({'|'.join(_TENS)})[- ]({'|'.join(_ONES[1:10])})|({'|'.join([*_TENS, *reversed(_ONES)])}))\b", re.IGNORECASE
)


def read(text: str) -> Fraction:
    """The number that a match of DIGITS stands for."""
    return Fraction(text.replace(",", ""))


def spell_out(text: str) -> str:
    """The text with number words below 100 replaced by digits; "one" stays, for it is mostly not a number."""

    def digits(match: re.Match[str]) -> str:
        tens, ones, alone = (group and group.lower() for group in match.groups())
        if alone is not None:
            return match[0] if alone == "one" else str(_VALUES[alone])
        return str(_VALUES[tens] + _VALUES[ones])

    return _NAMED.sub(digits, text)


def write(number: Fraction) -> str:
    """Digits with commas; a finite decimal of up to four places, else a fraction."""
    if number.denominator == 1:
        return f"{number.numerator:,}"
    if (number * 10_000).denominator == 1:
        return f"{float(number):,.4f}".rstrip("0")
    return f"{number.numerator}/{number.denominator}"
