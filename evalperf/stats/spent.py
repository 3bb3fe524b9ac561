"""What scoring has cost, apart from answering: the calls of judges and of embeddings."""

from __future__ import annotations

from msgspec import UNSET, Struct

from evalperf.records import Spent
from evalperf.stats.exact import ExactSum

__all__ = ["SpentSummary", "SpentTotals"]


class SpentSummary(Struct, frozen=True, kw_only=True):
    """The calls of one scorer, or of all, over all answers; None = nobody counted, never 0."""

    answers: int
    """Answers for which the scorer made calls, or took them from a cache; with several scorers their sum."""
    calls: int
    cached: int
    """Answers to calls that a cache or the journal had: they cost nothing again."""
    latency_s: float | None
    """The calls' own time, summed; of the calls whose time is known."""
    latency_mean_s: float | None
    """Of one call."""
    input_tokens: int | None
    output_tokens: int | None
    tokens_unknown_calls: int
    """Calls whose tokens nobody counted: they are in no token figure."""
    cost_usd: float | None
    """Of the calls whose cost is known; None where no call's is."""
    cost_unknown_calls: int
    """Calls whose cost is not known: they are not in `cost_usd`."""
    embedded_usd: float
    """The part of `cost_usd` that went into embeddings, whose calls the run also has in a list of their own."""


class SpentTotals:
    """Adds up what single scores have spent."""

    __slots__ = ("_cost", "_embedded", "_latency", "answers", "cached", "calls", "counts")

    def __init__(self) -> None:
        self.answers = self.calls = self.cached = 0
        self._latency, self._cost, self._embedded = ExactSum(), ExactSum(), ExactSum()
        self.counts = dict.fromkeys(("timed", "counted", "input_tokens", "output_tokens", "priced"), 0)
        """Calls with a known time, tokens and cost, and the tokens."""

    def add(self, spent: Spent) -> None:
        """Takes the calls of one score."""
        counts = self.counts
        self.answers += 1
        self.calls += spent.calls
        self.cached += spent.cached
        if spent.latency_s is not None:
            self._latency.add(spent.latency_s)
            counts["timed"] += spent.calls
        if spent.usage is not None:
            counts["counted"] += spent.calls
            counts["input_tokens"] += spent.usage.input_tokens
            counts["output_tokens"] += spent.usage.output_tokens
        if spent.cost_usd is not None:
            self._cost.add(spent.cost_usd)
            counts["priced"] += spent.calls
        if spent.embedded_usd is not UNSET:
            self._embedded.add(spent.embedded_usd)

    def merge(self, other: SpentTotals) -> None:
        """Takes all that the other has seen."""
        self.answers += other.answers
        self.calls += other.calls
        self.cached += other.cached
        self._latency.merge(other._latency)
        self._cost.merge(other._cost)
        self._embedded.merge(other._embedded)
        for name, count in other.counts.items():
            self.counts[name] += count

    def summary(self) -> SpentSummary | None:
        """The figures; None where the scorer asked nobody."""
        if not self.answers:
            return None
        counts = self.counts
        timed, counted, priced = counts["timed"], counts["counted"], counts["priced"]
        tokens, cost_usd = counts["input_tokens"] + counts["output_tokens"], self._cost.value()
        return SpentSummary(
            answers=self.answers,
            calls=self.calls,
            cached=self.cached,
            latency_s=self._latency.value() if timed else None,
            latency_mean_s=self._latency.mean(timed) if timed else None,
            input_tokens=counts["input_tokens"] if counted or tokens else None,  # a share of another's call is no call
            output_tokens=counts["output_tokens"] if counted or tokens else None,
            tokens_unknown_calls=self.calls - counted,
            cost_usd=cost_usd if priced or cost_usd else None,
            cost_unknown_calls=self.calls - priced,
            embedded_usd=self._embedded.value(),
        )
