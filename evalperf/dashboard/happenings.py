"""What a user should see as words: retries, failures and notices, equal ones grouped."""

from __future__ import annotations

from msgspec import Struct

from evalperf.dashboard.snapshot import Happening
from evalperf.events import BreakerChanged, CaseRetried, Noticed
from evalperf.records import Failure, Result

__all__ = ["Happenings"]

KEPT = 12
GROUPED_FOR_S = 30.0


class _Group(Struct):
    label: str
    text: str
    first_s: float
    count: int = 1


class Happenings:
    """The last dozen groups; a flood of retries costs a dictionary look-up each."""

    def __init__(self) -> None:
        self._groups: dict[tuple[str, ...], _Group] = {}

    def retried(self, event: CaseRetried) -> None:
        """Grouped by kind and endpoint."""
        where = "" if event.endpoint is None else f" at {event.endpoint}"
        key = ("retry", event.kind, where)
        if not self._counted(key, event.at_s):
            self._add(key, event.at_s, f"{_words(event.kind)}{where}, again in {event.delay_s:.1f} s")

    def failed(self, at_s: float, result: Result, failure: Failure) -> None:
        """Grouped by kind and endpoint; the first of a group is the example."""
        key = ("failed", failure.kind, result.endpoint or "")
        if not self._counted(key, at_s):
            self._add(key, at_s, f"{_words(failure.kind)}: {failure.message[:300]} ({result.id[:80]})")

    def breaker_changed(self, event: BreakerChanged) -> None:
        """Grouped by endpoint and new state."""
        key = ("breaker", event.endpoint, event.after)
        if not self._counted(key, event.at_s):
            how_long = "" if event.open_s is None else f" for {event.open_s:.0f} s"
            self._add(key, event.at_s, f"{event.endpoint} {_words(event.after)}{how_long}: {event.reason[:200]}")

    def noticed(self, event: Noticed) -> None:
        """Grouped by the message."""
        key = (event.level, event.message)
        if not self._counted(key, event.at_s):
            self._add(key, event.at_s, event.message[:300])

    def latest(self, run_started_s: float) -> tuple[Happening, ...]:
        """All that are kept, the latest first: a line keeps its place while its count grows."""
        groups = reversed(self._groups.values())
        return tuple(Happening(max(0.0, g.first_s - run_started_s), g.label, g.text, g.count) for g in groups)

    def _counted(self, key: tuple[str, ...], at_s: float) -> bool:
        """Whether there is a group that takes it."""
        group = self._groups.get(key)
        if group is None or at_s - group.first_s > GROUPED_FOR_S:
            return False
        group.count += 1
        return True

    def _add(self, key: tuple[str, ...], at_s: float, text: str) -> None:
        self._groups.pop(key, None)
        self._groups[key] = _Group(key[0], text, at_s)
        if len(self._groups) > KEPT:
            del self._groups[next(iter(self._groups))]  # the one that began first


def _words(kind: str) -> str:
    return kind.replace("_", " ")
