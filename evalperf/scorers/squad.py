"""Scorers of the SQuAD v1.1 evaluation: `squad_em` and `squad_f1`."""

from __future__ import annotations

from collections import Counter

from evalperf.config.scorers import SquadEmScorer, SquadF1Scorer
from evalperf.records import Score
from evalperf.scorers.base import NO_TARGET, Scorer, Targets, graded
from evalperf.scorers.extraction import text_scorer
from evalperf.scorers.multiset import shared_count
from evalperf.scorers.normal_forms import squad_counts, squad_form
from evalperf.scorers.resources import Resources
from evalperf.scorers.text import equality

__all__ = ["squad_em", "squad_f1", "token_f1"]


def squad_em(config: SquadEmScorer, resources: Resources) -> Scorer:
    """Exact match: the answer and one of the targets are equal in the squad form."""
    return text_scorer(config, "squad_em", equality(squad_form), resources)


def squad_f1(config: SquadF1Scorer, resources: Resources) -> Scorer:
    """The largest `token_f1` over the targets."""

    def judge(answer: str, targets: Targets) -> Score:
        if not targets:
            return NO_TARGET
        counts = squad_counts(answer)
        return graded(max([token_f1(counts, squad_counts(target)) for target in targets]), config.threshold)

    return text_scorer(config, "squad_f1", judge, resources)


def token_f1(answer: Counter[str], target: Counter[str]) -> float:
    """The harmonic mean of precision and recall over the tokens as multisets.

    As `f1_score` of the SQuAD v1.1 evaluation script (Rajpurkar et al., 2016): 0 without a common token, also where
    both are empty.
    """
    common = shared_count(answer, target)
    if common == 0:
        return 0.0
    precision, recall = common / answer.total(), common / target.total()
    return 2 * precision * recall / (precision + recall)
