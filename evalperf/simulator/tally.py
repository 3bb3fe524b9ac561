"""What a simulated endpoint has seen, so that others can check what a client did."""

from __future__ import annotations

from collections import Counter
from typing import Any

__all__ = ["Tally"]

_MAX_CONTENTS = 200_000  # the first asked are forgotten beyond that: about 20 MB


class Tally:
    """Counts requests by outcome, and per content how often it was asked and answered."""

    def __init__(self, max_contents: int = _MAX_CONTENTS) -> None:
        self._max_contents = max_contents
        self._requests = 0
        self._statuses: Counter[str] = Counter()
        self._asked: dict[int, int] = {}  # in the order of first asking
        self._answered: dict[int, int] = {}
        self._forgotten = 0
        self._judged: Counter[str] = Counter()
        self._most_in_flight = 0

    def arrived(self) -> None:
        """A request to one of the completion routes is here, good or bad."""
        self._requests += 1
        self._most_in_flight = max(self._most_in_flight, self._requests - self._statuses.total())

    def ask(self, content: int) -> int:
        """How often this content was asked before."""
        before = self._asked.get(content, 0)
        if before == 0 and len(self._asked) >= self._max_contents:
            oldest = next(iter(self._asked))
            del self._asked[oldest]
            self._answered.pop(oldest, None)
            self._forgotten += 1
        self._asked[content] = before + 1
        return before

    def finished(self, outcome: str) -> None:
        """A request ended with this status, or was `dropped`, or its client went `away`."""
        self._statuses[outcome] += 1

    def answered(self, content: int) -> None:
        """An answer to this content has been sent completely."""
        self._answered[content] = self._answered.get(content, 0) + 1

    def judged(self, form: str) -> None:
        """The model `judge` has replied in this form."""
        self._judged[form] += 1

    def report(self) -> dict[str, Any]:
        """The body of `/stats`; `answered` and `asked` are keyed by the content's hash in hex."""
        return {
            "requests": self._requests,
            "in_flight": self._requests - self._statuses.total(),
            "most_in_flight": self._most_in_flight,
            "statuses": dict(sorted(self._statuses.items())),
            "prompts": len(self._asked) + self._forgotten,
            "prompts_forgotten": self._forgotten,
            "answered_more_than_once": sum(1 for times in self._answered.values() if times > 1),
            "judged": dict(sorted(self._judged.items())),
            "asked": {f"{content:016x}": times for content, times in self._asked.items()},
            "answered": {f"{content:016x}": times for content, times in self._answered.items()},
        }
