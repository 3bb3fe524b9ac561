"""The `number` scorer, and how a number is read out of a text."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterator
from decimal import Decimal
from fractions import Fraction
from typing import Final, Literal

from msgspec import Struct

from evalperf.config.scorers import NumberScorer
from evalperf.records import Score
from evalperf.scorers.base import NO_TARGET, Scorer, Targets, no_answer, verdict
from evalperf.scorers.extraction import text_scorer
from evalperf.scorers.resources import Resources

__all__ = ["Number", "Value", "closeness", "find_number", "number"]

Value = int | Decimal | Fraction

_MAX_LENGTH: Final = 400  # digits; longer runs of digits are no answer to anything, and dear to turn into numbers
_MAX_EXPONENT: Final = 400  # beyond a float's range; 1e999999999 as an exact number would fill the memory

_NUMBER: Final = re.compile(
    r"""
    (?=[-+\u2212\ufe63\uff0d\\$€£¥₹\uff04\uffe5\d.\u00bc-\u00be\u2150-\u215e])  # for speed: few characters start one
    (?<![A-Za-z_\d])(?<!\d\.)                                   # not the 2 of H2O, not the 3 of 1.2.3
    (?:(?<![)\]])(?P<sign>[-+\u2212\ufe63\uff0d]))?             # the minus of 16-3 is none, nor that of (5)-3
    (?:\\?[$€£¥₹\uff04\uffe5]\s?(?P<inner_sign>[-\u2212])?)?
    (?:
      (?:(?P<whole>\d+)\s?)?
      (?:(?P<vulgar>[\u00bc-\u00be\u2150-\u215e]) | \\[dt]?frac\{(?P<tex_over>\d+)\}\{(?P<tex_under>0*[1-9]\d*)\})
    | (?<!\d[/\u2044])(?:(?P<mixed>\d+)[ ])?(?P<over>\d+)[/\u2044](?P<under>0*[1-9]\d*)(?![\d/\u2044]|\.\d)
    | (?P<digits>
        (?: \d{1,3}(?:[,\u00a0\u2009\u202f']\d{3})+(?!\d)       # 1,234,567
          | \d{1,2}(?:,\d{2})+,\d{3}(?!\d)                      # 12,34,567
          | \d+ )
        (?:\.\d+)? | (?<!\d)\.\d+
      )
      (?:[eE](?P<exponent>[-+\u2212]?\d+)(?![A-Za-z\d]))?
    )
    (?P<percent>\s?(?:\\?[%\uff05]|per\s?cent\b))?
    """,
    re.VERBOSE,
)
_THOUSANDS: Final = re.compile(r"[0-9]{1,3}(?:,[0-9]{3})+(?:\.[0-9]+)?")
_DIGIT: Final = re.compile(r"[\d\u00bc-\u00be\u2150-\u215e]")
_BEFORE: Final = 10  # characters of a number that may stand before its first digit, as in `-$` or `\dfrac{`
_AFTER: Final = 12  # and after its last one, as in ` per cent`
_CURRENCIES: Final = frozenset("$€£¥₹\uff04\uffe5")
_AFTER_NUMBER: Final = "%\uff05\\p"  # what a percent sign begins with, that may stand apart: `5 %`, `5 per cent`
_SHORT: Final = 16  # characters of a text that may well be nothing but a number
_NEAR_END: Final = 100  # characters in which the quick way looks
_WORDS: Final = 5  # no number spans more spaces than that
_SEPARATORS: Final = str.maketrans("", "", ",\u00a0\u2009\u202f'")
_MINUS: Final = frozenset("-\u2212\ufe63\uff0d")


class Number(Struct, frozen=True, gc=False):
    """A number and the piece of text it was read from."""

    value: Value
    text: str


def find_number(
    text: str,
    *,
    which: Literal["first", "last"] = "last",
    marker: str | None = None,
    percent: Literal["sign", "fraction"] = "sign",
) -> Number | None:
    r"""The first or last number in the text, exactly; None where there is none.

    With a `marker` only what follows its last occurrence is read, and a text without it holds no number. Read are
    `18`, `-18`, `−18`, `+18`, `.5`, `18.` (the full stop ends a sentence), `1,234.5`, `12,34,567`, `1'234`, `6.02e23`,
    `3/4`, `1 1/2`, `½`, `2½`, `\frac{3}{4}`, digits of any script, each with a currency sign before it (`$5`, `-$5`,
    `$-5`) and a percent sign after it; `50 %` is 50, or 1/2 with `percent="fraction"`. A sign belongs to its number
    only if no letter, digit or bracket stands right before it, so that `16-3` is 16 and 3. Digits that follow a Latin
    letter (`H2O`, `m2`) are not a number; letters may follow (`5km`).

    Not read: decimal commas, plain spaces between thousands, spelt-out numbers, `5k`, numbers of more than 400 digits
    or with an exponent beyond 400.
    Weakness: `1,234` in a list without spaces is one number, and a rating `7/10` is a fraction.
    """
    if marker is not None:
        _, found_marker, text = text.rpartition(marker)
        if not found_marker:
            return None
    if (plain := text.strip()).isdecimal() and len(plain) <= _MAX_LENGTH:
        return Number(int(plain), plain)
    if len(plain) <= _SHORT and (short := _read_word(plain)) is not None:
        return short
    if (which == "last" or " " not in plain) and (ending := _plain_last(plain)) is not None:
        return ending
    for match in _first_ones(text) if which == "first" else _last_ones(text):
        value = _value(match, percent)
        if value is not None:
            return Number(value, match.group())
    return None


def _plain_last(text: str) -> Number | None:
    """The last number where it stands in a word of its own, as in `it is **$18.50**, I think`; None where it does not.

    What else may belong to a number, a sign, a fraction, an exponent, a percent sign, is left for a closer look, which
    takes five times as long.
    """
    tail = text[-_NEAR_END:]
    digit = _DIGIT.search(tail[::-1])
    if digit is None:
        return None
    last = len(tail) - 1 - digit.start()
    start = tail.rfind(" ", 0, last) + 1
    if start == 0 and len(text) > _NEAR_END:
        return None  # the word may be cut
    end = tail.find(" ", last)
    if end >= 0 and tail[end + 1 : end + 2] in _AFTER_NUMBER:
        return None
    if start > 1 and tail[start - 2] in _CURRENCIES:
        return None
    return _read_word(tail[start:end] if end >= 0 else tail[start:])


def _read_word(word: str) -> Number | None:
    """The number in a word such as `**$18.50**.`; None for any other word."""
    bare = word.lstrip("*({[:=").rstrip("*)}].!?:;,")
    digits = bare[1:] if bare[:1] == "$" else bare
    if not digits.isascii():
        return None
    if digits.isdecimal():
        return Number(int(digits), bare)
    if "," in digits:
        if _THOUSANDS.fullmatch(digits) is None:
            return None
        digits = digits.replace(",", "")
    if digits.replace(".", "", 1).isdecimal() and digits[0] != ".":
        return Number(Decimal(digits) if "." in digits else int(digits), bare)
    return None


def _first_ones(text: str) -> Iterator[re.Match[str]]:
    digit = _DIGIT.search(text)
    return _NUMBER.finditer(text, max(0, digit.start() - _BEFORE)) if digit is not None else iter(())


def _last_ones(text: str) -> Iterator[re.Match[str]]:
    """From the last one backwards; almost always the first of these will do, and only the end of the text is read."""
    digit = _DIGIT.search(text[::-1])
    if digit is None:
        return
    last = len(text) - 1 - digit.start()
    start = last
    for _ in range(_WORDS + 2):
        start = max(0, text.rfind(" ", 0, start))
    for match in reversed(list(_NUMBER.finditer(text, start, last + 1 + _AFTER))):
        if start and text.count(" ", start, match.start()) < _WORDS:
            break  # its beginning may lie before
        yield match
    yield from reversed(list(_NUMBER.finditer(text)))


def number(config: NumberScorer, resources: Resources) -> Scorer:
    """Equal as exact numbers, or within the absolute or the relative tolerance, whichever is wider."""
    which = config.which or ("last" if config.marker is None else "first")
    close = closeness(config.tolerance, config.relative_tolerance)

    def wanted(target: str) -> Number | None:
        after_marker = find_number(target, which=which, marker=config.marker, percent=config.percent)
        return after_marker or find_number(target, percent=config.percent)

    def judge(answer: str, targets: Targets) -> Score:
        if not targets:
            return NO_TARGET
        numbers = [found for target in targets if (found := wanted(target)) is not None]
        if not numbers:
            return Score(value=None, reason=f"no number in the target {targets[0]!r}")
        found = find_number(answer, which=which, marker=config.marker, percent=config.percent)
        if found is None:
            return no_answer()
        right = False
        for one in numbers:
            right = right or close(found.value, one.value)
        return verdict(right, extracted=found.text)

    return text_scorer(config, "number", judge, resources)


def closeness(absolute: float, relative: float) -> Callable[[Value, Value], bool]:
    """Whether an answer is as near to a target as the wider of the two tolerances allows; exact without them."""
    if absolute == 0 and relative == 0:
        return lambda answer, target: answer == target
    # repr: a tolerance of 0.01 means one hundredth, not the binary number next to it
    absolute_exact, relative_exact = Fraction(repr(absolute)), Fraction(repr(relative))

    def close(answer: Value, target: Value) -> bool:
        exact_target = Fraction(target)
        return abs(Fraction(answer) - exact_target) <= max(absolute_exact, relative_exact * abs(exact_target))

    return close


def _value(match: re.Match[str], percent: Literal["sign", "fraction"]) -> Value | None:
    if match.end() - match.start() > _MAX_LENGTH:
        return None
    if (plain := match.group()).isdecimal():
        return int(plain)
    digits = match["digits"]
    magnitude = _fraction(match) if digits is None else _decimal(digits, match["exponent"])
    if magnitude is None:
        return None
    if match["sign"] in _MINUS or match["inner_sign"] is not None:
        # a Decimal is negated by copying: minus would round it to the 28 digits of the context
        magnitude = magnitude.copy_negate() if isinstance(magnitude, Decimal) else -magnitude
    return Fraction(magnitude) / 100 if percent == "fraction" and match["percent"] is not None else magnitude


def _decimal(digits: str, exponent: str | None) -> int | Decimal | None:
    plain = digits.translate(_SEPARATORS)
    if exponent is None:
        return Decimal(plain) if "." in plain else int(plain)
    power = int(exponent.replace("\u2212", "-")) if len(exponent) <= 5 else _MAX_EXPONENT + 1
    return Decimal(f"{plain}e{power}") if abs(power) <= _MAX_EXPONENT else None


def _fraction(match: re.Match[str]) -> Fraction:
    if match["over"] is not None:
        return Fraction(int(match["over"]), int(match["under"])) + int(match["mixed"] or 0)
    if match["vulgar"] is not None:
        over, under = unicodedata.normalize("NFKC", match["vulgar"]).split("\u2044")
    else:
        over, under = match["tex_over"], match["tex_under"]
    return Fraction(int(over), int(under)) + int(match["whole"] or 0)
