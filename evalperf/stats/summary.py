"""A run's numbers, as far as its results tell them; made by `Summariser.summary`."""

from __future__ import annotations

from msgspec import Struct

from evalperf.figures import Quantiles
from evalperf.stats.contrasts import Contrast
from evalperf.stats.endpoints import EndpointSummary
from evalperf.stats.examples import Example
from evalperf.stats.scoresummary import ScoreSummary
from evalperf.stats.sketch import Sketch
from evalperf.stats.spent import SpentSummary

__all__ = ["Clustering", "GroupSummary", "Grouping", "Quantiles", "Retries", "Summary", "TokenUsage", "quantiles_of"]


class TokenUsage(Struct, frozen=True, kw_only=True):
    """Tokens that endpoints have counted for this run; answers from a cache cost none."""

    input_tokens: int
    output_tokens: int
    cases: int
    """Results that came with a count."""


class Retries(Struct, frozen=True, kw_only=True):
    """What it took to get the answers."""

    cases: int
    """Results that needed more than one attempt."""
    recovered: int
    """Of these, the ones that got their answer."""
    attempts: int
    """In all."""


class GroupSummary(Struct, frozen=True, kw_only=True):
    """One group of results."""

    value: str | None
    """None = the results without that field."""
    total: int
    failed: int
    scores: dict[str, ScoreSummary]
    against_rest: dict[str, Contrast | None]
    """By scorer, how it differs from the cases that are not in it; None where that can't be said."""


class Clustering(Struct, frozen=True, kw_only=True):
    """The field whose equal values mark cases that are not independent."""

    field: str
    results: int
    """Results that have it."""
    problem: str | None
    """Why cases are taken as independent all the same: no result has the field, or nearly all differ in it."""


class Grouping(Struct, frozen=True, kw_only=True):
    """The numbers by the values of a field, the largest group first."""

    field: str
    groups: tuple[GroupSummary, ...]


class Summary(Struct, frozen=True, kw_only=True):
    """A run folded; None = not known, never 0."""

    total: int
    """Results: one per case and epoch."""
    ok: int
    failed: int
    cached: int
    cached_from: dict[str, int]
    """The same by tier: memory, disk, redis, semantic, coalesced; those that occur."""
    failures: dict[str, int]
    """By kind, the most frequent first."""
    scores: dict[str, ScoreSummary]
    clustering: Clustering | None
    """None where no cluster field is configured."""
    latency_s: Quantiles
    """The endpoint's own time in the last attempt of each case that it answered, and of each that timed out (which
    counts with the time at which it was given up). Refusals, lost connections and cached answers are not in it."""
    timeouts: int
    """How many of `latency_s.n` are timeouts: their true time is longer."""
    ttft_s: Quantiles
    queue_s: Quantiles
    endpoints: dict[str, EndpointSummary]
    """By name."""
    judging: SpentSummary | None
    """The calls of all scorers together, in no other figure; None where none made one."""
    usage: TokenUsage | None
    """None where no endpoint counted."""
    cost_usd: float | None
    cost_cases: int
    """Results whose cost is known."""
    retries: Retries
    alternatives: int
    """Further answers, of requests for several."""
    slowest: tuple[Example, ...]
    failing: tuple[Example, ...]
    """The first that failed, in the order of the input."""
    wrong: tuple[Example, ...]
    """The first that a scorer does not let pass, in the order of the input."""
    by: Grouping | None


def quantiles_of(sketch: Sketch) -> Quantiles:
    """The usual quantiles of a sketch."""
    return Quantiles(
        n=sketch.count,
        p50=sketch.quantile(0.5),
        p90=sketch.quantile(0.9),
        p95=sketch.quantile(0.95),
        p99=sketch.quantile(0.99),
        max=sketch.max,
        mean=sketch.mean,
    )
