"""The few cases that a report shows: the slowest, the first that failed, the first that are wrong."""

from __future__ import annotations

import math
from bisect import insort
from collections.abc import Sequence
from typing import Any

from msgspec import Struct

from evalperf.records import Message, Result

__all__ = ["Example", "Shortlist"]

_EXCERPT = 300


class Example(Struct, frozen=True, kw_only=True):
    """What a person needs to recognise a case; long texts are cut, with … at the end."""

    seq: int
    id: str
    epoch: int
    latency_s: float | None
    attempts: int
    input: str | None
    """The text; of a conversation the last message of the user."""
    output: str | None
    target: str | None
    """Several that will do are separated by " | "."""
    scores: dict[str, float | None]
    failure: str | None
    """Its kind."""
    message: str | None
    """What the failure says."""


class Shortlist:
    """The `size` results of smallest rank, in order; the same for any order of arrival, since ranks never tie."""

    __slots__ = ("_ranked", "size")

    def __init__(self, size: int) -> None:
        self.size = size
        self._ranked: list[tuple[tuple[float, int, int], Example]] = []

    def candidates(self, results: Sequence[Result]) -> Sequence[Result]:
        """Those that still have a chance, where rank is by line and epoch alone; a quick look before a slow one."""
        if len(self._ranked) < self.size:
            return results
        last = self._ranked[-1][0][1] if self._ranked else 0
        return [result for result in results if result.seq <= last]

    def offer(self, result: Result, rank: float = 0.0) -> None:
        """Takes the result if it is among the smallest; equal ranks go by line and epoch."""
        ranked = self._ranked
        if len(ranked) == self.size and (not ranked or rank > ranked[-1][0][0]):
            return
        key = (rank, result.seq, result.epoch)
        if len(ranked) < self.size or key < ranked[-1][0]:
            insort(ranked, (key, _example(result)), key=_key)
            del ranked[self.size :]

    @property
    def worst_rank(self) -> float:
        """No result of a larger rank is taken any more; infinity while there is room."""
        if len(self._ranked) < self.size:
            return math.inf
        return self._ranked[-1][0][0] if self._ranked else -math.inf

    def merge(self, other: Shortlist) -> None:
        """Takes the smallest of both."""
        self._ranked = sorted(self._ranked + other._ranked, key=_key)[: self.size]

    def cases(self) -> tuple[Example, ...]:
        """The chosen ones, smallest rank first."""
        return tuple(example for _, example in self._ranked)


def _key(ranked: tuple[tuple[float, int, int], Example]) -> tuple[float, int, int]:
    return ranked[0]


def _example(result: Result) -> Example:
    failure = result.failure
    return Example(
        seq=result.seq,
        id=result.id,
        epoch=result.epoch,
        latency_s=result.latency_s,
        attempts=result.attempts,
        input=_excerpt(_question(result.input)),
        output=_excerpt(result.output),
        target=_excerpt(result.target if isinstance(result.target, str | None) else " | ".join(result.target)),
        scores={name: score.value for name, score in result.scores.items()},
        failure=failure.kind if failure else None,
        message=_excerpt(failure.message) if failure else None,
    )


def _question(value: str | tuple[Message, ...] | None) -> str | None:
    if value is None or isinstance(value, str):
        return value
    asked = [message for message in value if message.get("role") == "user"] or list(value)
    return _content(asked[-1].get("content")) if asked else None


def _content(content: Any) -> str | None:
    """The text of a message: the content itself, or the text parts of a list."""
    if isinstance(content, list | tuple):
        return " ".join(
            part["text"] for part in content if isinstance(part, dict) and isinstance(part.get("text"), str)
        )
    return content if isinstance(content, str) else None


def _excerpt(text: str | None) -> str | None:
    return text if text is None or len(text) <= _EXCERPT else text[: _EXCERPT - 1] + "…"
