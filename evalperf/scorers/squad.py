"""Scorers of the SQuAD v1.1 evaluation: `squad_em` and `squad_f1`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Final

from evalperf.config.scorers import SquadEmScorer, SquadF1Scorer
from evalperf.records import Score
from evalperf.scorers.base import NO_TARGET, Scorer, Targets, graded
from evalperf.scorers.extraction import text_scorer
from evalperf.scorers.normal_forms import ARTICLES, squad_form, squad_words
from evalperf.scorers.resources import Resources
from evalperf.scorers.text import equality

__all__ = ["squad_em", "squad_f1", "token_f1"]

_ALL: Final = 10**9


def squad_em(config: SquadEmScorer, resources: Resources) -> Scorer:
    """Exact match: the answer and one of the targets are equal in the squad form."""
    return text_scorer(config, "squad_em", equality(squad_form), resources)


def squad_f1(config: SquadF1Scorer, resources: Resources) -> Scorer:
    """The largest `token_f1` over the targets."""

    def judge(answer: str, targets: Targets) -> Score:
        if not targets:
            return NO_TARGET
        words = squad_words(answer)
        return graded(max([token_f1(words, squad_words(target)) for target in targets]), config.threshold)

    return text_scorer(config, "squad_f1", judge, resources)


def token_f1(answer: Sequence[bytes], target: Sequence[bytes]) -> float:
    """The harmonic mean of precision and recall over the words, without articles, as multisets.

    As `f1_score` of the SQuAD v1.1 evaluation script (Rajpurkar et al., 2016): 0 without a common word, also where
    both are empty.
    """
    left: dict[bytes, int] = dict(Counter(target))  # a plain dict: half of the time goes into reading and writing it
    expected = len(target)
    for article in ARTICLES:
        expected -= left.get(article, 0)
        left[article] = _ALL  # every article of the answer is found, and taken off again below
    found = 0
    left_of = left.get
    for word in answer:
        if count := left_of(word):
            left[word] = count - 1
            found += 1
    articles = sum([_ALL - left[article] for article in ARTICLES])
    common, said = found - articles, len(answer) - articles
    if common == 0:
        return 0.0
    precision, recall = common / said, common / expected
    return 2 * precision * recall / (precision + recall)
