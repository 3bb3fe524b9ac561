"""A solver for one step: it takes the first two numbers it sees and one operation.

What it does not know: the order of operations, number words, which of several numbers matter, and a second step.
Division drops the remainder.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from fractions import Fraction

from evalperf.simulator.solvers.numerals import DIGITS, read, write

__all__ = ["answer"]

Operation = Callable[[Fraction, Fraction], Fraction]
Step = tuple[str, Fraction]
"""The working, as a sentence, and the result."""

_NUMBER = re.compile(DIGITS)
_SIGN = re.compile(rf"^\s*([+\-−×*÷/])\s*({DIGITS})")

_PERCENT = re.compile(r"%|\bpercent", re.IGNORECASE)


def _divide(a: Fraction, b: Fraction) -> Fraction:
    return Fraction(a // b) if b else Fraction(0)


_SIGNS: dict[str, Operation] = {
    "+": lambda a, b: a + b,
    "-": lambda a, b: a - b,
    "−": lambda a, b: a - b,
    "×": lambda a, b: a * b,
    "*": lambda a, b: a * b,
    "÷": _divide,
    "/": _divide,
}

_WORDS: tuple[tuple[str, str], ...] = (
    (r"\b(?:divide|shares?|split|packed|packs|one of them|average speed|how many boxes|hours does it take)", "÷"),
    (r"\b(?:product|multiply|times|each|every|rows|per|km/h|an hour|a day|weeks|hours|dozen|how much do)\b", "×"),
    (r"\b(?:minus|left|los[et]s?|gives?|gave|took|sold|remain|before|fewer|younger|difference|after)\b", "−"),
    (r"\b(?:plus|add|sum|more|together|altogether|total|found|bought|now|mean|average)\b", "+"),
)
_FACTORS = (("hours", 60), ("kilo", 1000), ("kg", 1000), ("weeks", 7), ("dozen", 12))
_CUES = tuple((re.compile(pattern, re.IGNORECASE), sign) for pattern, sign in _WORDS)


def answer(question: str) -> str:
    """A short text that ends with "The answer is …", or says that there is none."""
    numbers = [read(match) for match in _NUMBER.findall(question)]
    found = _one_number(question, numbers) if len(numbers) < 2 else _two_numbers(question, numbers)
    if found is None:
        return "I see no two numbers with something to do between them."
    working, value = found
    return f"{working} The answer is {write(value)}."


def _one_number(question: str, numbers: list[Fraction]) -> Step | None:
    for cue, factor in _FACTORS:
        if numbers and cue in question:
            return f"{write(numbers[0])} × {factor}.", numbers[0] * factor
    return None


def _two_numbers(question: str, numbers: list[Fraction]) -> Step | None:
    return _next_number(question, numbers) or _left_to_right(question) or _by_cue(question, numbers)


def _next_number(question: str, numbers: list[Fraction]) -> Step | None:
    if "next" not in question:
        return None
    step = numbers[-1] - numbers[-2]
    return f"The last step was {write(step)}, so the next number is {write(numbers[-1])} + {write(step)}.", numbers[
        -1
    ] + step


def _left_to_right(question: str) -> Step | None:
    """The signs between numbers one after the other, as a pocket calculator without brackets does it."""
    text = question.replace("(", "").replace(")", "").replace("%", "")
    first = _NUMBER.search(text)
    if first is None:
        return None
    value, rest = read(first[0]), text[first.end() :]
    if text[: first.start()].endswith("-"):
        value = -value
    steps = [write(value)]
    while match := _SIGN.match(rest):
        value = _SIGNS[match[1]](value, read(match[2]))
        steps += [match[1], match[2]]
        rest = rest[match.end() :]
    return (" ".join(steps) + ".", value) if len(steps) > 1 else None


def _by_cue(question: str, numbers: list[Fraction]) -> Step | None:
    a, b = numbers[:2]
    if re.search(r"\bsubtract\b", question, re.IGNORECASE):
        return f"{write(b)} − {write(a)}.", b - a
    if _PERCENT.search(question):
        return f"{write(a)} percent of {write(b)}.", a * b / 100
    for cue, sign in _CUES:
        if cue.search(question):
            return f"{write(a)} {sign} {write(b)}.", _SIGNS[sign](a, b)
    return None
