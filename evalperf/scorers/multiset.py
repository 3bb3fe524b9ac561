"""How much two bags of tokens have in common."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable
from typing import TypeVar

__all__ = ["shared_count"]


T = TypeVar("T", bound=Hashable)


def shared_count(one: Counter[T], other: Counter[T]) -> int:
    """The size of the multiset intersection: a token counts as often as it stands in both."""
    shared = 0
    in_other = other.get
    for token, count in one.items():
        there = in_other(token, 0)
        shared += count if count < there else there  # noqa: FURB136 - min() takes thrice as long
    return shared
