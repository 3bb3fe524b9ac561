"""Where two JSON values differ, and how much."""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from decimal import Decimal
from fractions import Fraction
from typing import Any, Final

from evalperf.scorers.alignment import edit_distance
from evalperf.scorers.json_text import UnreadNumber, json_key
from evalperf.scorers.numbers import Value
from evalperf.scorers.similarity import similarity
from evalperf.scorers.time_limit import TimeLimit

__all__ = ["Close", "differences", "json_similarity", "unmatched"]

Close = Callable[[Value, Value], bool]
"""Whether two numbers, the answer's and the target's, count as equal."""

Path = tuple[str | int, ...]

_MOST_SHOWN: Final = 60


def differences(
    answer: Any, target: Any, close: Close, limit: TimeLimit, *, unordered: bool = False, exact: bool = True
) -> Iterator[str]:
    """The places, in the order of the target, at which the answer differs, and how; none where they are equal.

    With `unordered` an array's elements may stand in any order: each must find a partner of its own. `exact` says that
    `close` is plain equality, for which that takes linear time; else it takes up to the cube of the array's length.
    Raises TimeoutError past the limit.
    """

    def same(one: Any, other: Any) -> bool:
        return next(differences(one, other, close, limit, unordered=True, exact=exact), None) is None

    pending: list[tuple[Path, Any, Any]] = [((), answer, target)]
    while pending:
        path, found, wanted = pending.pop()
        if isinstance(found, dict) and isinstance(wanted, dict):
            yield from (f"at {_shown_path(path)}: {told}" for told in _names_that_differ(found, wanted))
            pending += [((*path, name), found[name], wanted[name]) for name in reversed(wanted) if name in found]
        elif isinstance(found, list) and isinstance(wanted, list):
            if len(found) != len(wanted):
                yield f"at {_shown_path(path)}: {len(found)} elements, expected {len(wanted)}"
            elif not unordered:
                pending += [((*path, at), found[at], wanted[at]) for at in reversed(range(len(wanted)))]
            else:
                left = _left_over(found, wanted) if exact else unmatched(found, wanted, same, limit)
                if left is not None:
                    yield f"at {_shown_path(path)}: nothing there equals {_shown(wanted[left])}"
        elif not _same_leaf(found, wanted, close):
            yield f"at {_shown_path(path)}: {_shown(found)}, expected {_shown(wanted)}"


def json_similarity(answer: Any, target: Any, limit: TimeLimit) -> float:
    """How much of two JSON values is the same, from 0 to 1.

    Objects: the mean over all names of both, 0 for a name that only one of them has. Arrays: the mean over the places
    of the longer one. Two empty ones: 1. Texts: the similarity of Levenshtein. Numbers: 1 − |a − b| / (|a| + |b|).
    Anything else: 1 if equal. Values of different kinds: 0. Raises TimeoutError past the limit.
    """
    if isinstance(answer, dict) and isinstance(target, dict):
        names = answer.keys() | target.keys()
        shared = [json_similarity(answer[name], target[name], limit) for name in target if name in answer]
        return math.fsum(shared) / len(names) if names else 1.0
    if isinstance(answer, list) and isinstance(target, list):
        pairs = [json_similarity(one, other, limit) for one, other in zip(answer, target, strict=False)]
        longest = max(len(answer), len(target))
        return math.fsum(pairs) / longest if longest else 1.0
    if isinstance(answer, str) and isinstance(target, str):
        return similarity(answer, target, edit_distance(answer, target, limit))
    if _is_number(answer) and _is_number(target):
        one, other = Fraction(answer), Fraction(target)
        return float(1 - abs(one - other) / (abs(one) + abs(other))) if one or other else 1.0
    return float(type(answer) is type(target) and bool(answer == target))


def unmatched(
    found: Sequence[Any], wanted: Sequence[Any], same: Callable[[Any, Any], bool], limit: TimeLimit
) -> int | None:
    """The first of the wanted elements that is left over when as many as possible are paired; None where none is.

    Pairs are changed along augmenting paths (Kuhn, 1955), for with a tolerance the first fitting partner may be
    another's only one.
    """
    partner: dict[int, int] = {}  # of an element found: the element wanted
    for start in range(len(wanted)):
        limit.left_s()
        came_from: dict[int, int] = {}
        queue = [start]
        free: int | None = None
        for current in queue:
            fitting = [at for at in range(len(found)) if at not in came_from and same(found[at], wanted[current])]
            came_from |= dict.fromkeys(fitting, current)
            free = next((at for at in fitting if at not in partner), None)
            if free is not None:
                break
            queue += [partner[at] for at in fitting]
        if free is None:
            return start
        _flip(partner, came_from, free, start)
    return None


def _flip(partner: dict[int, int], came_from: dict[int, int], free: int, start: int) -> None:
    """Give every element on the path to the free one its new partner."""
    held_by = {wanted: found for found, wanted in partner.items()}
    while True:
        current = came_from[free]
        partner[free] = current
        if current == start:
            return
        free = held_by[current]


def _left_over(found: list[Any], wanted: list[Any]) -> int | None:
    left = Counter(json_key(element, unordered=True) for element in found)
    for at, element in enumerate(wanted):
        key = json_key(element, unordered=True)
        if left[key] == 0:
            return at
        left[key] -= 1
    return None


def _names_that_differ(found: dict[str, Any], wanted: dict[str, Any]) -> Iterator[str]:
    yield from (f"without {_shown(name)}" for name in wanted if name not in found)
    yield from (f"{_shown(name)} is not expected" for name in found if name not in wanted)


def _same_leaf(found: Any, wanted: Any, close: Close) -> bool:
    if _is_number(found) and _is_number(wanted):
        return close(found, wanted)
    return type(found) is type(wanted) and bool(found == wanted)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | Decimal) and not isinstance(value, bool)


def _shown_path(path: Path) -> str:
    return "$" + "".join(f"[{key}]" if isinstance(key, int) else f".{key}" for key in path)


def _shown(value: Any) -> str:
    plain = value.text if isinstance(value, UnreadNumber) else str(value) if isinstance(value, Decimal) else None
    text = plain if plain is not None else json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= _MOST_SHOWN else text[: _MOST_SHOWN - 1] + "…"
