"""Reads arithmetic expressions, in signs or in words, by the rules of precedence.

sum     = product (("+" | "−") product)*
product = factor (("×" | "÷") factor)*
factor  = "−" factor | atom ("²" | "%")*
atom    = number | "(" sum ")"
"""

from __future__ import annotations

import re
from fractions import Fraction

from evalperf.simulator.solvers.numerals import DIGITS, read, write
from evalperf.simulator.solvers.working import Working

__all__ = ["read_expression"]

_OPENING = re.compile(r"^(?:what is|how much is|compute|calculate|work out|evaluate)\s+", re.IGNORECASE)
_CLOSING = re.compile(r"\s*[?.]?(?:\s*Give an? \w+\.)?\s*$")
_SPOKEN = (
    (re.compile(r"\bplus\b"), "+"),
    (re.compile(r"\bminus\b"), "−"),
    (re.compile(r"\b(?:times|multiplied by|of)\b"), "×"),
    (re.compile(r"\bdivided by\b"), "÷"),
    (re.compile(r"\bpercent\b"), "%"),
    (re.compile(r"\bsquared\b"), "²"),
    (re.compile(r"\*"), "×"),
    (re.compile(r"/"), "÷"),
    (re.compile(r"-"), "−"),
)
_TOKEN = re.compile(rf"\s*({DIGITS}|[+−×÷²%()])")

_MAX_TOKENS = 100  # brackets nest no deeper than that
_MAX_BITS = 4_096  # squares of squares grow fast


class _Unreadable(Exception):  # noqa: N818 - not an error: another reader may understand the question
    pass


def read_expression(question: str) -> Working | None:
    """The value of a question that is nothing but an expression."""
    text = _CLOSING.sub("", _OPENING.sub("", question))
    for spoken, sign in _SPOKEN:
        text = spoken.sub(sign, text)
    try:
        value = _Parser(text).parse()
    except (_Unreadable, ZeroDivisionError):
        return None
    return Working(f"{text.strip()} = {write(value)}", value)


class _Parser:
    def __init__(self, text: str) -> None:
        self._tokens: list[str] = []
        self._next = 0
        end = 0
        while match := _TOKEN.match(text, end):
            self._tokens.append(match[1])
            end = match.end()
        if text[end:].strip() or not 0 < len(self._tokens) <= _MAX_TOKENS:
            raise _Unreadable

    def parse(self) -> Fraction:
        value = self._sum()
        if self._peek():
            raise _Unreadable
        return value

    def _peek(self) -> str:
        return self._tokens[self._next] if self._next < len(self._tokens) else ""

    def _take(self) -> str:
        token = self._peek()
        self._next += 1
        return token

    def _sum(self) -> Fraction:
        value = self._product()
        while self._peek() in ("+", "−"):
            value = value + self._product() if self._take() == "+" else value - self._product()
        return value

    def _product(self) -> Fraction:
        value = self._factor()
        while self._peek() in ("×", "÷"):
            value = value * self._factor() if self._take() == "×" else value / self._factor()
        return value

    def _factor(self) -> Fraction:
        if self._peek() == "−":
            self._take()
            return -self._factor()
        value = self._atom()
        while self._peek() in ("²", "%"):
            value = _square(value) if self._take() == "²" else value / 100
        return value

    def _atom(self) -> Fraction:
        taken = self._take()
        if taken == "(":
            value = self._sum()
            if self._take() != ")":
                raise _Unreadable
            return value
        if not taken[:1].isdecimal():
            raise _Unreadable
        return read(taken)


def _square(value: Fraction) -> Fraction:
    if max(value.numerator.bit_length(), value.denominator.bit_length()) > _MAX_BITS:
        raise _Unreadable
    return value * value
