"""Scorers of machine translation, `bleu`, `chrf` and `ter`, one answer at a time; sacrebleu computes them."""

from __future__ import annotations

from functools import partial
from importlib import import_module
from typing import Any, Final

from msgspec import UNSET
from msgspec.structs import replace

from evalperf.config.scorers import BleuScorer, ChrfScorer, TerScorer
from evalperf.errors import ConfigError
from evalperf.records import Score
from evalperf.scorers.base import NO_TARGET, Scorer, Targets, TextJudge, graded
from evalperf.scorers.offloading import OffloadedScorer
from evalperf.scorers.resources import Resources

__all__ = ["bleu", "chrf", "ter"]

_LENGTH_UNITS: Final = 720720
"""In which the lengths of references are counted, so that the mean of up to 16 is a whole number."""
_MOST_TARGETS: Final = 16


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


def ter(config: TerScorer, resources: Resources) -> Scorer:
    """`TER(...).sentence_score(answer, targets)`: the fewest edits over the mean length of the targets.

    An edit inserts, deletes or replaces a word, or moves a run of words (Snover et al., 2006); so the rate may be above
    100, and lower is better. Raises ConfigError where sacrebleu is not installed. The rate of the corpus is computed
    from the counts in the score's `detail`, which are there for up to 16 targets.
    """
    return OffloadedScorer(config, "ter", partial(_ter_judge, config), resources)


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


def _ter_judge(config: TerScorer) -> TextJudge:
    metric = _sacrebleu().TER(
        normalized=config.normalized,
        no_punct=config.no_punct,
        asian_support=config.asian_support,
        case_sensitive=config.case_sensitive,
    )
    corpus = {"metric": "ter", **_differing(config, scale=100)}

    def judge(answer: str, targets: Targets) -> Score:
        if not targets:
            return NO_TARGET
        [(edits, length)] = metric._extract_corpus_statistics([answer], [[target] for target in targets])  # noqa: SLF001
        rate = float(metric._aggregate_and_compute([(edits, length)]).score)  # noqa: SLF001
        rate = rate if config.scale == 100 else rate / 100
        counts = [int(edits), round(length * len(targets)) * (_LENGTH_UNITS // len(targets))]
        return Score(
            value=rate,
            passed=None if config.threshold is None else rate <= config.threshold,
            detail={"corpus": {**corpus, "counts": counts}} if len(targets) <= _MOST_TARGETS else UNSET,
        )

    return judge


def _differing(config: BleuScorer | ChrfScorer | TerScorer, **defaults: Any) -> dict[str, Any]:
    """The options that matter to a corpus score and are not what its reader assumes: result lines stay short."""
    return {name: value for name in defaults if (value := getattr(config, name)) != defaults[name]}


def _sacrebleu() -> Any:
    try:
        return import_module("sacrebleu.metrics")  # an extra
    except ImportError:
        raise ConfigError("BLEU, chrF and TER need sacrebleu", hint='pip install "evalperf[nlp]"') from None
