"""What a reader of the large solver has found out."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction

from msgspec import Struct

__all__ = ["Reader", "Working"]


class Working(Struct, frozen=True):
    """A result and how it came about."""

    steps: str
    """A sentence without its full stop."""
    value: Fraction
    unit: str = ""
    """`$`, `%`, or nothing."""


Reader = Callable[[str], Working | None]
"""Reads a question with its number words spelled out; None where it does not understand it."""
