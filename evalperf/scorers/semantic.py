"""The `semantic` scorer: how close the answer's meaning is to the target's, as the cosine of two vectors."""

from __future__ import annotations

import math
from collections.abc import Sequence
from operator import mul

from evalperf.config.scorers_semantic import SemanticScorer
from evalperf.errors import ProviderError
from evalperf.records import Case, Response, Score
from evalperf.scorers.asking import Embedder
from evalperf.scorers.base import NO_TARGET, Scorer, no_answer, targets_of
from evalperf.scorers.extraction import ResponseExtraction
from evalperf.scorers.resources import Resources

__all__ = ["cosine", "semantic"]


def semantic(config: SemanticScorer, resources: Resources) -> Scorer:
    """The cosine similarity to the closest target, −1 to 1; raises ConfigError for an embedder that can't be opened.

    Answer and targets are embedded together. It measures what texts are about rather than whether they are right: "it
    is 4" and "it is not 4" are close. An embedder that fails leaves the case without this score, with the reason.
    """
    return _SemanticScorer(
        config, resources.models.embedder(config.embedder), ResponseExtraction(config, resources.threads)
    )


def cosine(one: Sequence[float], other: Sequence[float]) -> float | None:
    """The cosine of the angle between two vectors; None where one of them is all zeros and so has no direction.

    Exactly 1 for equal vectors.
    """
    norms = math.fsum(map(mul, one, one)) * math.fsum(map(mul, other, other))
    if norms == 0:
        return None
    return max(-1.0, min(1.0, math.fsum(map(mul, one, other)) / math.sqrt(norms)))


class _SemanticScorer:
    def __init__(self, config: SemanticScorer, embedder: Embedder, extraction: ResponseExtraction) -> None:
        self.name = config.name if config.name is not None else "semantic"
        self.weight = config.weight
        self._threshold = config.threshold
        self._embedder = embedder
        self._extraction = extraction

    async def score(self, case: Case, response: Response) -> Score:
        """The similarity to the closest target."""
        if not targets_of(case, response):
            return NO_TARGET
        return await self._extraction.score(case, response, self._compared)

    async def _compared(self, case: Case, response: Response) -> Score:
        answer = response.completion.text
        if not answer.strip():
            return no_answer()
        targets = [target for target in dict.fromkeys(targets_of(case, response)) if target.strip()]
        if not targets:
            return Score(value=None, reason="the target is empty, and so means nothing")
        try:
            embedded = await self._embedder.embed([answer, *targets])
        except ProviderError as error:
            return Score(value=None, reason=f"no vectors from {self._embedder.name}: {error.message}")
        vector, *others = embedded.vectors
        similarities = [found for other in others if (found := cosine(vector, other)) is not None]
        if not similarities:
            reason = f"{self._embedder.name} knows no word of the answer or of the target"
            return Score(value=None, reason=reason, spent=embedded.spent)
        value = max(similarities)
        passed = None if self._threshold is None else value >= self._threshold
        return Score(value=value, passed=passed, spent=embedded.spent)
