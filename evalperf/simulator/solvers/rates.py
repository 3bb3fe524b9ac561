"""Reads problems about so much for each: groups, prices, wages, speeds."""

from __future__ import annotations

import re
from fractions import Fraction

from evalperf.simulator.solvers.numerals import DIGITS, read, write
from evalperf.simulator.solvers.working import Working

__all__ = ["read_groups", "read_price", "read_travel"]

_N = rf"({DIGITS})"
_PRICED = re.compile(rf"{_N} ([a-z]+) (?:at|for) \${_N} each")
_PAID = re.compile(rf"\${_N} note")
_HOURS = re.compile(rf"{_N} hours?\b")
_MINUTES = re.compile(rf"{_N} minutes?\b")
_SPEED = re.compile(rf"{_N} km/h")
_DISTANCE = re.compile(rf"{_N} km\b(?!/h)")


def read_groups(question: str) -> Working | None:
    """So many in each, and how many groups; or a whole that is taken apart. Takes every division to come out even."""
    each = re.search(rf"{_N} [a-z]+ (?:in each|per|an?) ([a-z]+)\b", question)
    if each is not None and (count := re.search(rf"in {_N} {each[2]}s?\b", question)):
        a, b = read(each[1]), read(count[1])
        return Working(f"{write(a)} × {write(b)} = {write(a * b)}", a * b)
    parts = re.search(rf"{_N} [a-z]+ (?:equally among|(?:are packed )?into [a-z]+ of) {_N}", question)
    if parts is None or read(parts[2]) == 0:
        return None
    a, b = read(parts[1]), read(parts[2])
    if "left over" in question:
        return Working(f"{write(a)} = {write(b)} × {write(Fraction(a // b))} + {write(a % b)}", a % b)
    return Working(f"{write(a)} ÷ {write(b)} = {write(a / b)}", a / b)


def read_price(question: str) -> Working | None:
    """Totals, change, unit prices and wages."""
    items = [(read(count), read(price)) for count, _, price in _PRICED.findall(question)]
    if items:
        total = sum((count * price for count, price in items), Fraction())
        steps = " + ".join(f"{write(count)} × ${_cents(price)}" for count, price in items)
        paid = _PAID.search(question)
        if paid is not None and "change" in question:
            return Working(f"{steps} = ${_cents(total)}, and ${paid[1]} were paid", read(paid[1]) - total, "$")
        return Working(f"{steps} = ${_cents(total)}", total, "$")
    if match := re.search(rf"[Oo]ne of the [a-z]+ costs \${_N}\. How much do {_N}", question):
        price, count = read(match[1]), read(match[2])
        return Working(f"{write(count)} × ${_cents(price)}", price * count, "$")
    if (match := re.search(rf"^{_N} [a-z]+ cost \${_N}\. What does one", question)) and read(match[1]):
        return Working(f"${match[2]} ÷ {match[1]}", read(match[2]) / read(match[1]), "$")
    if match := re.search(rf"\${_N} an hour and works {_N} hours", question):
        return Working(f"{match[2]} × ${match[1]}", read(match[1]) * read(match[2]), "$")
    return None


def read_travel(question: str) -> Working | None:
    """The one of speed, time and distance that is missing."""
    speed, distance = _SPEED.search(question), _DISTANCE.search(question)
    hours, minutes = _HOURS.search(question), _MINUTES.search(question)
    time = Fraction()
    if hours is not None:
        time += read(hours[1])
    if minutes is not None:
        time += read(minutes[1]) / 60
    if speed is not None and time and distance is None:
        value = read(speed[1]) * time
        return Working(f"{speed[1]} km/h × {write(time)} h = {write(value)} km", value)
    if distance is not None and time and speed is None:
        return Working(f"{distance[1]} km ÷ {write(time)} h", read(distance[1]) / time)
    if distance is not None and speed is not None and read(speed[1]) and not time:
        return Working(f"{distance[1]} km ÷ {speed[1]} km/h", read(distance[1]) / read(speed[1]))
    return None


def _cents(amount: Fraction) -> str:
    return f"{float(amount):,.2f}"
