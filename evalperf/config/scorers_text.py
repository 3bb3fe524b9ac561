"""The options of the scorers that look at an answer as a text; what they mean is defined beside their code."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from evalperf.config.scorer_options import Flags, ScorerOptions, TargetScorer, Texts

__all__ = [
    "EndsWithScorer",
    "ExactScorer",
    "ExcludesScorer",
    "FuzzyScorer",
    "IncludesScorer",
    "LengthScorer",
    "LevenshteinScorer",
    "NormalizedScorer",
    "RegexScorer",
    "StartsWithScorer",
]


class ExactScorer(TargetScorer):
    """The answer equals a target, character by character."""

    type: Literal["exact"]
    strip: bool = True
    """Whether white space around answer and target is dropped."""
    ignore_case: bool = False


class NormalizedScorer(TargetScorer):
    """The answer equals a target after both are brought to a plain form."""

    type: Literal["normalized"]
    form: Literal["general", "squad"] = "general"
    """`squad`: as the SQuAD evaluation does it; `general`: leaves scripts other than Latin intact."""


class _ValuesScorer(TargetScorer):
    values: Texts | None = None
    """Texts to look for, instead of the case's target."""

    @property
    def needs_target(self) -> bool:
        """Only without texts of its own."""
        return self.values is None


class IncludesScorer(_ValuesScorer):
    """The answer contains a target."""

    type: Literal["includes"]
    match: Literal["any", "all"] = "any"
    ignore_case: bool = True
    form: Literal["general", "squad"] | None = None
    """Bring answer and texts to the form of `normalized` first; white space and punctuation then do not count."""
    negate: bool = False
    """Passes when the texts are NOT there."""
    empty: Literal["left_out", "contained"] = "left_out"
    """A text that is empty in this form stands in every answer, as empty texts do, or it is left out."""
    min_count: Annotated[int, Field(ge=1)] | None = None
    """How often a text must be there, without overlaps; once where absent."""
    max_count: Annotated[int, Field(ge=1)] | None = None
    """How often it may be there."""

    @model_validator(mode="after")
    def _ordered_counts(self) -> IncludesScorer:
        if self.negate and (self.min_count is not None or self.max_count is not None):
            raise ValueError('"min_count" and "max_count" count texts that are there: leave out "negate"')
        if self.min_count is not None and self.max_count is not None and self.min_count > self.max_count:
            raise ValueError(f"min_count {self.min_count} is more than max_count {self.max_count}")
        return self


class ExcludesScorer(_ValuesScorer):
    """The answer contains none of the texts."""

    type: Literal["excludes"]
    values: Texts | None = None
    """Texts that must not be there, instead of the case's target."""
    match: Literal["any", "all"] = "any"
    """`any`: one of the texts is enough to fail; `all`: only all of them together are."""
    ignore_case: bool = True
    form: Literal["general", "squad"] | None = None
    """Bring answer and texts to the form of `normalized` first; white space and punctuation then do not count."""


class _EdgeScorer(_ValuesScorer):
    match: Literal["any", "all"] = "any"
    ignore_case: bool = True
    strip: bool = True
    """Whether white space around the answer and the texts is dropped."""


class StartsWithScorer(_EdgeScorer):
    """The answer begins with a target."""

    type: Literal["starts_with"]


class EndsWithScorer(_EdgeScorer):
    """The answer ends with a target."""

    type: Literal["ends_with"]


class RegexScorer(TargetScorer):
    """A pattern is found in the answer, or what it captures equals a target."""

    type: Literal["regex"]
    pattern: str | None = None
    """The pattern; absent, the case's target is the pattern."""
    flags: Flags = ""
    """Letters: i ignore case, m multi-line, s dot matches newline, x verbose."""
    match: Literal["search", "full", "start"] = "search"
    group: int | str | None = None
    """Compare this group with the target, instead of asking whether the pattern is found."""
    which: Literal["last", "first"] = "first"
    min_count: Annotated[int, Field(ge=0)] | None = None
    """Fewest matches; with `max_count` the number of matches decides."""
    max_count: Annotated[int, Field(ge=0)] | None = None

    @property
    def needs_target(self) -> bool:
        """As the pattern, or to compare a group with."""
        return self.pattern is None or self.group is not None

    @model_validator(mode="after")
    def _one_question(self) -> RegexScorer:
        counts = self.min_count is not None or self.max_count is not None
        if self.pattern is None and (counts or self.group is not None):
            raise ValueError('"group", "min_count" and "max_count" need a "pattern"')
        if counts and (self.group is not None or self.match != "search"):
            raise ValueError('"min_count" and "max_count" count all matches: leave out "group" and "match"')
        if self.min_count is not None and self.max_count is not None and self.min_count > self.max_count:
            raise ValueError(f"min_count {self.min_count} is more than max_count {self.max_count}")
        return self


class LevenshteinScorer(TargetScorer):
    """How few insertions, deletions and substitutions of characters lead from the answer to a target."""

    type: Literal["levenshtein"]
    measure: Literal["similarity", "distance"] = "similarity"
    """`similarity`: 1 − distance / length of the longer text; `distance`: the number of edits."""
    threshold: Annotated[float, Field(ge=0)] | None = None
    """Passes at this similarity or above, or at this distance or below; without it there is no verdict."""
    ignore_case: bool = False

    @model_validator(mode="after")
    def _reachable(self) -> LevenshteinScorer:
        if self.measure == "similarity" and self.threshold is not None and self.threshold > 1:
            raise ValueError(f"threshold {self.threshold:g} is more than the largest similarity, 1")
        return self


class FuzzyScorer(TargetScorer):
    """How much of the answer and a target is common to both, in order: the ratio of fuzzy matching, from 0 to 1."""

    type: Literal["fuzzy"]
    threshold: Annotated[float, Field(ge=0, le=1)] | None = None
    """Passes at this ratio or above; without it there is no verdict."""
    ignore_case: bool = False


class LengthScorer(ScorerOptions):
    """The answer is as long as it should be."""

    type: Literal["length"]
    unit: Literal["chars", "words", "lines"] = "chars"
    min: Annotated[int, Field(ge=0)] | None = None
    max: Annotated[int, Field(ge=0)] | None = None

    @model_validator(mode="after")
    def _bounded(self) -> LengthScorer:
        if self.min is None and self.max is None:
            raise ValueError('needs "min" or "max"')
        if self.min is not None and self.max is not None and self.min > self.max:
            raise ValueError(f"min {self.min} is more than max {self.max}")
        return self
