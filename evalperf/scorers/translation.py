"""Scorers of machine translation, `bleu` and `chrf`, one answer at a time; sacrebleu computes them."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from evalperf.config.scorers import BleuScorer, ChrfScorer
from evalperf.errors import ConfigError
from evalperf.records import Score
from evalperf.scorers.base import NO_TARGET, Scorer, Targets, TextJudge, graded
from evalperf.scorers.extraction import text_scorer
from evalperf.scorers.resources import Resources

__all__ = ["bleu", "chrf"]


def bleu(config: BleuScorer, resources: Resources) -> Scorer:
    """`BLEU(...).sentence_score(answer, targets)`: all targets are references of one score (Papineni et al., 2002).

    Raises ConfigError where sacrebleu is not installed. The mean over cases is not the BLEU of the corpus.
    """
    metric = _sacrebleu().BLEU(
        force=True,  # no remarks about answers that look tokenised
        lowercase=config.lowercase,
        tokenize=config.tokenize,
        smooth_method=config.smooth,
        smooth_value=config.smooth_value,
        max_ngram_order=config.max_order,
        effective_order=config.effective_order,
    )
    return text_scorer(config, "bleu", _sentence(metric, config), resources)


def chrf(config: ChrfScorer, resources: Resources) -> Scorer:
    """`CHRF(...).sentence_score(answer, targets)`: the best of the targets, by sacrebleu's rule (Popović, 2015).

    Raises ConfigError where sacrebleu is not installed. The mean over cases is not the chrF of the corpus.
    """
    metric = _sacrebleu().CHRF(
        char_order=config.char_order,
        word_order=config.word_order,
        beta=config.beta,
        lowercase=config.lowercase,
        whitespace=config.whitespace,
        eps_smoothing=config.eps_smoothing,
    )
    return text_scorer(config, "chrf", _sentence(metric, config), resources)


def _sentence(metric: Any, config: BleuScorer | ChrfScorer) -> TextJudge:
    def judge(answer: str, targets: Targets) -> Score:
        if not targets:
            return NO_TARGET
        # a corpus of one sentence: the same number as `sentence_score`, which writes a warning without effective_order
        score = float(metric.corpus_score([answer], [[target] for target in targets]).score)
        return graded(score if config.scale == 100 else min(score / 100, 1.0), config.threshold)

    return judge


def _sacrebleu() -> Any:
    try:
        return import_module("sacrebleu.metrics")  # an extra
    except ImportError:
        raise ConfigError("BLEU and chrF need sacrebleu", hint='pip install "evalperf[nlp]"') from None
