"""The calls that scoring will take: judges and embedders."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from msgspec import Struct

from evalperf.config.embedders import LocalEmbedder
from evalperf.config.rubrics import PairwiseRubric
from evalperf.config.scorers import ScorerConfig
from evalperf.config.scorers_judged import DimensionsScorer, JudgeOptions
from evalperf.config.scorers_semantic import SemanticScorer
from evalperf.config.section import Section
from evalperf.estimate.ranges import Range, exactly, mean_of_draws, sum_of
from evalperf.records import Spent

__all__ = ["UNKNOWN", "ScoringEstimate", "scoring_estimate"]

UNKNOWN = Range(0.0, None, None)


class ScoringEstimate(Struct, frozen=True, kw_only=True):
    """What one scorer will ask, over all answers."""

    scorer: str
    requests: Range
    input_tokens: Range
    output_tokens: Range
    cost_usd: Range | None
    """None where nothing is known of it."""
    known_from: str
    """`earlier run` or `configuration`; the latter knows nothing of tokens."""


def scoring_estimate(scorer: ScorerConfig, answers: float, spent: list[Spent]) -> ScoringEstimate | None:
    """What the scorer will ask for so many answers; None where it asks nobody."""
    per_answer = list(_requests(scorer))
    if not per_answer:
        return None
    name = scorer.name or scorer.type
    usages = [one.usage for one in spent if one.usage is not None]
    if len(spent) < 2 or len(usages) < len(spent):
        requests = sum_of(per_answer).scaled(answers)
        return ScoringEstimate(
            scorer=name,
            requests=requests,
            input_tokens=UNKNOWN,
            output_tokens=UNKNOWN,
            cost_usd=None,
            known_from="configuration",
        )

    def total(values: list[float]) -> Range:
        return mean_of_draws(values, answers).scaled(answers)

    costs = [one.cost_usd for one in spent if one.cost_usd is not None]
    return ScoringEstimate(
        scorer=name,
        requests=total([float(one.calls) for one in spent]),
        input_tokens=total([float(usage.input_tokens) for usage in usages]),
        output_tokens=total([float(usage.output_tokens) for usage in usages]),
        cost_usd=total(costs) if len(costs) == len(spent) else None,
        known_from="earlier run",
    )


def _requests(part: Any) -> Iterator[Range]:
    """Calls for one answer, of a scorer and of those inside it."""
    if isinstance(part, JudgeOptions):
        orders = 2 if isinstance(part.rubric, PairwiseRubric) and part.rubric.both_orders else 1
        asked = _asked(part.votes * orders, part.repairs)
        first = getattr(part, "first", None)
        yield asked if first is None else Range(0.0, None, asked.high)  # where the first is sure, nobody is asked
        yield from _requests(first)
        if part.larger is not None:
            most = part.larger.votes * orders * (part.repairs + 1)
            yield Range(0.0, None, float(most))
    elif isinstance(part, DimensionsScorer):
        yield _asked(1 if part.together else len(part.dimensions), part.repairs)
    elif isinstance(part, SemanticScorer):
        if not isinstance(part.embedder, LocalEmbedder):
            yield Range(0.0, None, None)  # texts of several answers share a call
    elif isinstance(part, Section):
        for name in type(part).model_fields:
            yield from _requests(getattr(part, name))
    elif isinstance(part, list):
        for item in part:
            yield from _requests(item)


def _asked(questions: int, repairs: int) -> Range:
    """A question is asked again only where its reply can't be read."""
    return exactly(float(questions)) if not repairs else Range(questions, float(questions), questions * (repairs + 1.0))
