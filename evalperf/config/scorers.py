"""The options of each scorer; what they mean is defined beside the scorer's code in scorers/."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

__all__ = [
    "ChoiceScorer",
    "ExactScorer",
    "Extract",
    "FunctionScorer",
    "IncludesScorer",
    "NormalizedScorer",
    "NumberScorer",
    "RegexScorer",
    "ScorerConfig",
    "ScorerOptions",
]


Flags = Annotated[str, Field(pattern=r"^[imsx]*$")]


class Extract(BaseModel):
    """What of the answer is scored: a group of the pattern's first or last match."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)

    pattern: str
    group: int | str = 1
    """The group's number or name; 0 = the whole match."""
    which: Literal["last", "first"] = "last"
    otherwise: Literal["none", "whole"] = "none"
    """Without a match there is no answer (`none`), or the whole text is it (`whole`)."""
    flags: Flags = ""
    """Letters: i ignore case, m multi-line, s dot matches newline, x verbose."""


def _bare_pattern(value: Any) -> Any:
    return {"pattern": value} if isinstance(value, str) else value


class ScorerOptions(BaseModel):
    """What every scorer takes."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True, allow_inf_nan=False)

    name: Annotated[str, Field(pattern=r"^[A-Za-z_][\w-]*$", max_length=100)] | None = None
    """Its name in results and reports; its type where absent."""
    weight: Annotated[float, Field(ge=0)] = 1.0
    """Its share in `overall_score`."""
    extract: Annotated[Extract, BeforeValidator(_bare_pattern, json_schema_input_type=str | Extract)] | None = None
    """What of the answer is scored; a bare pattern means its first group in the last match."""
    time_limit_s: Annotated[float, Field(gt=0)] = 1.0
    """For the patterns of one case, `extract` and the scorer's own; past it the case is not scored, and says so."""


class ExactScorer(ScorerOptions):
    """The answer equals a target, character by character."""

    type: Literal["exact"]
    strip: bool = True
    """Whether white space around answer and target is dropped."""
    ignore_case: bool = False


class NormalizedScorer(ScorerOptions):
    """The answer equals a target after both are brought to a plain form."""

    type: Literal["normalized"]
    form: Literal["general", "squad"] = "general"
    """`squad`: as the SQuAD evaluation does it; `general`: leaves scripts other than Latin intact."""


class IncludesScorer(ScorerOptions):
    """The answer contains a target."""

    type: Literal["includes"]
    values: Annotated[list[Annotated[str, Field(min_length=1)]], Field(min_length=1)] | None = None
    """Texts to look for, instead of the case's target."""
    match: Literal["any", "all"] = "any"
    ignore_case: bool = True
    form: Literal["general", "squad"] | None = None
    """Bring answer and texts to the form of `normalized` first; white space and punctuation then do not count."""
    negate: bool = False
    """Passes when the texts are NOT there."""


class RegexScorer(ScorerOptions):
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


class NumberScorer(ScorerOptions):
    """The number in the answer equals the number in the target."""

    type: Literal["number"]
    marker: Annotated[str, Field(min_length=1)] | None = None
    """Text after whose last occurrence the number stands, as "A:" or "####"; without it there is no answer."""
    which: Literal["last", "first"] | None = None
    """Which number counts, where there are several; absent, the first after a marker, else the last of all."""
    tolerance: Annotated[float, Field(ge=0)] = 0.0
    """Largest absolute difference."""
    relative_tolerance: Annotated[float, Field(ge=0)] = 0.0
    """Largest difference as a share of the target."""
    percent: Literal["sign", "fraction"] = "sign"
    """`sign`: 50 % is 50; `fraction`: 50 % is 0.5."""


class ChoiceScorer(ScorerOptions):
    """The letter that the answer chooses equals the target's."""

    type: Literal["choice"]
    letters: Annotated[str, Field(min_length=1)] | None = None
    """The letters that exist, in order; from the case's `choices` where absent, else A to Z."""
    patterns: Annotated[list[str], Field(min_length=1)] | None = None
    """Extraction rules in order, each with one group; the built-in ones where absent."""
    which: Literal["last", "first"] = "first"
    """Which match of a rule counts."""

    @model_validator(mode="after")
    def _distinct_letters(self) -> ChoiceScorer:
        if self.letters is not None and len(set(self.letters)) != len(self.letters):
            raise ValueError(f'letters "{self.letters}" holds one twice')
        return self


class FunctionScorer(ScorerOptions):
    """A Python function scores; it may be async."""

    type: Literal["function"]
    call: str
    """"package.module:name"; it gets (case, response) and returns a number, a bool, None or a Score."""
    options: dict[str, Any] = {}
    """Passed on as keyword arguments."""
    run_in: Literal["loop", "thread", "process"] = "loop"
    """`thread` for code that waits, `process` for code that computes; `loop` for what takes microseconds."""
    max_parallel: Annotated[int, Field(ge=1, le=256)] | None = None
    """Most calls at once in threads or processes; absent, 8 threads or one process for each CPU."""
    timeout_s: Annotated[float, Field(gt=0)] = 60
    """For one call; past it the case fails. Plain code in the loop can't be interrupted, a process is killed."""

    @model_validator(mode="after")
    def _parallel_outside_the_loop(self) -> FunctionScorer:
        if self.run_in == "loop" and self.max_parallel is not None:
            raise ValueError('"max_parallel" needs "run_in": "thread" or "process"')
        return self


_Scorer = Annotated[
    ExactScorer | NormalizedScorer | IncludesScorer | RegexScorer | NumberScorer | ChoiceScorer | FunctionScorer,
    Field(discriminator="type"),
]


def _bare_type(value: Any) -> Any:
    return {"type": value} if isinstance(value, str) else value


ScorerConfig = Annotated[_Scorer, BeforeValidator(_bare_type)]
"""One entry of `scorers`; a bare string is a scorer with its defaults."""
