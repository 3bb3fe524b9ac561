"""A model of one's own: a function from the prompt to the answer. It may be async, and may call what it likes."""

from __future__ import annotations

import re

__all__ = ["answer"]


def answer(prompt: str) -> str:
    """Adds up all the numbers in the problem, which is right for some problems and wrong for others."""
    numbers = [int(number.replace(",", "")) for number in re.findall(r"-?\d[\d,]*", prompt)]
    return f"The answer is {sum(numbers)}."
