"""Scorers made of scorers: `all`, `any`, `not`, `weighted`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

from msgspec.structs import replace

from evalperf.config.scorers import AllScorer, AnyScorer, NotScorer, WeightedScorer
from evalperf.records import Case, Response, Score
from evalperf.scorers.base import Scorer, graded, overall, verdict
from evalperf.scorers.extraction import ResponseExtraction
from evalperf.scorers.resources import Resources
from evalperf.scorers.spent import spent_of, total_spent

__all__ = ["all_of", "any_of", "negation", "weighted"]

Named = Sequence[tuple[str, Score]]
Combine = Callable[[Named], Score]


def all_of(config: AllScorer, resources: Resources) -> Scorer:
    """1 and passed if all parts pass.

    A part that fails decides, whatever the others say. Without one, a part without a verdict leaves the whole without
    one: it might have failed (Kleene's strong logic of three values).
    """
    return _Composite(config, [resources.build(part) for part in config.scorers], partial(_decide, by=False), resources)


def any_of(config: AnyScorer, resources: Resources) -> Scorer:
    """1 and passed if one part passes.

    A part that passes decides, whatever the others say. Without one, a part without a verdict leaves the whole without
    one: it might have passed.
    """
    return _Composite(config, [resources.build(part) for part in config.scorers], partial(_decide, by=True), resources)


def negation(config: NotScorer, resources: Resources) -> Scorer:
    """1 and passed if the part does not pass; no verdict if it has none."""
    return _Composite(config, [resources.build(config.scorer)], _turn_round, resources)


def weighted(config: WeightedScorer, resources: Resources) -> Scorer:
    """The mean of the values of the parts by their weights; no value as soon as a part with a weight has none."""
    parts = [resources.build(part) for part in config.scorers]
    weights = {part.name: part.weight for part in parts}

    def combine(scores: Named) -> Score:
        mean = overall(dict(scores), weights)
        if mean is None:
            return _unknown([each for each in scores if each[1].value is None and weights[each[0]]])
        return graded(mean, config.threshold)

    return _Composite(config, parts, combine, resources)


class _Composite:
    def __init__(
        self,
        config: AllScorer | AnyScorer | NotScorer | WeightedScorer,
        parts: Sequence[Scorer],
        combine: Combine,
        resources: Resources,
    ) -> None:
        self.name = config.name if config.name is not None else config.type
        self.weight = config.weight
        self._parts = parts
        self._combine = combine
        self._extraction = ResponseExtraction(config, resources.threads)

    async def score(self, case: Case, response: Response) -> Score:
        """The scores of all parts, in order, as one, with what they have cost; an exception of a part passes."""
        return await self._extraction.score(case, response, self._together)

    async def _together(self, case: Case, response: Response) -> Score:
        scores = [(part.name, await part.score(case, response)) for part in self._parts]
        spent = total_spent(spent_of(score for _, score in scores))
        together = self._combine(scores)
        return together if spent is None else replace(together, spent=spent)


def _decide(scores: Named, *, by: bool) -> Score:
    deciding = next((each for each in scores if each[1].passed is by), None)
    if deciding is not None:
        return verdict(by, reason=_said(*deciding))
    without = [each for each in scores if each[1].passed is None]
    return _unknown(without) if without else verdict(not by)


def _turn_round(scores: Named) -> Score:
    ((name, score),) = scores
    return _unknown(scores) if score.passed is None else verdict(not score.passed, reason=_said(name, score))


def _unknown(scores: Named) -> Score:
    """No value, because of the first of these."""
    name, score = scores[0]
    if score.value is not None:
        return Score(value=None, reason=f"{name} gives a value without a verdict: it needs a threshold")
    return Score(value=None, reason=_said(name, score))


def _said(name: str, score: Score) -> str:
    outcome = {True: "passed", False: "failed", None: "was not scored"}[score.passed]
    return f"{name} {outcome}" if score.reason is None else f"{name} {outcome}: {score.reason}"
