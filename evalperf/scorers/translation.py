"""Scorers of machine translation, `bleu` and `chrf`, one answer at a time; sacrebleu computes them."""

from __future__ import annotations

from functools import partial
from importlib import import_module
from typing import Any

from msgspec.structs import replace

from evalperf.config.scorers import BleuScorer, ChrfScorer
from evalperf.errors import ConfigError
from evalperf.records import Score
from evalperf.scorers.base import NO_TARGET, Scorer, Targets, TextJudge, graded
from evalperf.scorers.offloading import OffloadedScorer
from evalperf.scorers.resources import Resources

__all__ = ["bleu", "chrf"]


def bleu(config: BleuScorer, resources: Resources) -> Scorer:
    """`BLEU(...).sentence_score(answer, targets)`: all targets are references of one score (Papineni et al., 2002).

    Raises ConfigError where sacrebleu is not installed. The mean over cases is not the BLEU of the corpus: that is
    computed from the counts in the score's `detail`, by all orders as `corpus_score` does.
    """
    return OffloadedScorer(config, "bleu", partial(_bleu_judge, config), resources)


def chrf(config: ChrfScorer, resources: Resources) -> Scorer:
    """`CHRF(...).sentence_score(answer, targets)`: the best of the targets, by sacrebleu's rule (Popović, 2015).

    Raises ConfigError where sacrebleu is not installed. The mean over cases is not the chrF of the corpus: that is
    computed from the counts in the score's `detail`.
    """
    return OffloadedScorer(config, "chrf", partial(_chrf_judge, config), resources)


def _bleu_judge(config: BleuScorer) -> TextJudge:
    metric = _sacrebleu().BLEU(
        force=True,  # no remarks about answers that look tokenised
        lowercase=config.lowercase,
        tokenize=config.tokenize,
        smooth_method=config.smooth,
        smooth_value=config.smooth_value,
        max_ngram_order=config.max_order,
        effective_order=config.effective_order,
    )
    stated = _differing(config, smooth="exp", smooth_value=None, scale=100)
    return _sentence(metric, config, {"metric": "bleu", **stated})


def _chrf_judge(config: ChrfScorer) -> TextJudge:
    metric = _sacrebleu().CHRF(
        char_order=config.char_order,
        word_order=config.word_order,
        beta=config.beta,
        lowercase=config.lowercase,
        whitespace=config.whitespace,
        eps_smoothing=config.eps_smoothing,
    )
    stated = _differing(config, beta=2, eps_smoothing=False, scale=100)
    return _sentence(metric, config, {"metric": "chrf", **stated})


def _sentence(metric: Any, config: BleuScorer | ChrfScorer, corpus: dict[str, Any]) -> TextJudge:
    """`corpus` says what the counts are of, and how they become a score again."""

    def judge(answer: str, targets: Targets) -> Score:
        if not targets:
            return NO_TARGET
        # what `sentence_score` does, which tells its counts to nobody and writes a warning without effective_order
        [counts] = metric._extract_corpus_statistics([answer], [[target] for target in targets])  # noqa: SLF001
        score = float(metric._aggregate_and_compute([counts]).score)  # noqa: SLF001
        graded_score = graded(score if config.scale == 100 else min(score / 100, 1.0), config.threshold)
        return replace(graded_score, detail={"corpus": {**corpus, "counts": counts}})

    return judge


def _differing(config: BleuScorer | ChrfScorer, **defaults: Any) -> dict[str, Any]:
    """The options that matter to a corpus score and are not what its reader assumes: result lines stay short."""
    return {name: value for name in defaults if (value := getattr(config, name)) != defaults[name]}


def _sacrebleu() -> Any:
    try:
        return import_module("sacrebleu.metrics")  # an extra
    except ImportError:
        raise ConfigError("BLEU and chrF need sacrebleu", hint='pip install "evalperf[nlp]"') from None
