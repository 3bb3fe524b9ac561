"""The options of the scorers that measure how much of a reference an answer holds."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from evalperf.config.scorer_options import TargetScorer

__all__ = ["BleuScorer", "ChrfScorer", "RougeScorer", "SquadEmScorer", "SquadF1Scorer", "TerScorer"]


class SquadEmScorer(TargetScorer):
    """The answer equals a target as the SQuAD v1.1 evaluation compares them."""

    type: Literal["squad_em"]


class SquadF1Scorer(TargetScorer):
    """The words that answer and target share, as the SQuAD v1.1 evaluation counts them."""

    type: Literal["squad_f1"]
    threshold: Annotated[float, Field(ge=0, le=1)] | None = None
    """Passes at this value or above; without it there is no verdict."""


class RougeScorer(TargetScorer):
    """ROUGE as the package rouge-score computes it, from 0 to 1."""

    type: Literal["rouge"]
    variant: Literal["rouge1", "rouge2", "rougeL", "rougeLsum"] = "rougeL"
    """Shared words, shared pairs of words, longest common subsequence, or that sentence by sentence (one a line)."""
    stemmer: bool = False
    """Whether words are reduced by Porter's stemmer first."""
    measure: Literal["f", "precision", "recall"] = "f"
    threshold: Annotated[float, Field(ge=0, le=1)] | None = None
    """Passes at this value or above; without it there is no verdict."""


class _PercentScorer(TargetScorer):
    scale: Literal[100, 1] = 100
    """The largest value: 100 as sacrebleu has it, or 1 like the other scorers."""
    lowercase: bool = False
    threshold: Annotated[float, Field(ge=0, le=100)] | None = None
    """Passes at this value or above; without it there is no verdict."""

    @model_validator(mode="after")
    def _reachable(self) -> _PercentScorer:
        if self.threshold is not None and self.threshold > self.scale:
            raise ValueError(f"threshold {self.threshold:g} is more than the largest value, {self.scale}")
        return self


class BleuScorer(_PercentScorer):
    """BLEU of one answer against its targets as sacrebleu computes it for a sentence."""

    type: Literal["bleu"]
    tokenize: Literal["13a", "intl", "zh", "char", "none"] = "13a"
    smooth: Literal["exp", "floor", "add-k", "none"] = "exp"
    smooth_value: Annotated[float, Field(gt=0)] | None = None
    """For `floor` (0.1 where absent) and `add-k` (1 where absent)."""
    max_order: Annotated[int, Field(ge=1, le=16)] = 4
    """The longest n-grams that count."""
    effective_order: bool = True
    """Leave out the orders for which the answer is too short, as is usual for single sentences."""

    @model_validator(mode="after")
    def _value_is_used(self) -> BleuScorer:
        if self.smooth_value is not None and self.smooth not in ("floor", "add-k"):
            raise ValueError(f'"smooth_value" belongs to "floor" and "add-k", not to "{self.smooth}"')
        return self


class ChrfScorer(_PercentScorer):
    """chrF of one answer against its targets as sacrebleu computes it for a sentence; chrF++ with `word_order` 2."""

    type: Literal["chrf"]
    char_order: Annotated[int, Field(ge=1, le=32)] = 6
    word_order: Annotated[int, Field(ge=0, le=16)] = 0
    beta: Annotated[int, Field(ge=1, le=100)] = 2
    """How much more recall weighs than precision."""
    whitespace: bool = False
    """Whether white space counts as characters."""
    eps_smoothing: bool = False
    """Smooth as chrF++.py and NLTK do, instead of leaving orders without n-grams out."""


class TerScorer(TargetScorer):
    """Translation edit rate of one answer as sacrebleu computes it: edits in percent of the target's words."""

    type: Literal["ter"]
    scale: Literal[100, 1] = 100
    """What one edit for each word of the target is: 100 as sacrebleu has it, or 1."""
    normalized: bool = False
    """Whether punctuation is set apart first, and entities of XML are resolved."""
    no_punct: bool = False
    asian_support: bool = False
    """Whether `normalized` and `no_punct` know Chinese and Japanese characters."""
    case_sensitive: bool = False
    threshold: Annotated[float, Field(ge=0)] | None = None
    """Passes at this rate or below; without it there is no verdict."""
