"""The options of the scorers that ask a model for its view of an answer: `judge` and `dimensions`."""

from __future__ import annotations

import re
from typing import Annotated, Any, Final, Literal

from pydantic import Field, model_validator

from evalperf.config.providers import OpenAIProvider, ProviderConfig
from evalperf.config.rubrics import (
    CriteriaRubric,
    Criterion,
    PairwiseRubric,
    ReferenceRubric,
    RubricConfig,
    Scale,
    check_parts,
    check_scale,
)
from evalperf.config.scorer_options import Flags, ScorerOptions
from evalperf.config.section import Section

__all__ = [
    "MAX_CALLS",
    "AskingOptions",
    "Calibration",
    "DimensionsScorer",
    "JudgeOptions",
    "LargerJudge",
    "PatternReply",
]

Votes = Annotated[int, Field(ge=1, le=99)]
_SHOWS_TARGET: Final = re.compile(r"\{\{\s*target\s*\}\}")
MAX_CALLS = 255
"""Most calls to one model for one score: so many numbers there are for them."""


class PatternReply(Section):
    """The verdict is found in the reply by patterns."""

    pattern: str | None = None
    """Its first group, or the whole match where it has none, is the verdict."""
    patterns: dict[str, str] | None = None
    """A pattern for each verdict, tried in this order; the first that is found decides."""
    which: Literal["only", "last", "first"] = "only"
    """Which match of `pattern` counts; with `only` two that differ are no verdict."""
    flags: Flags = ""
    """Letters: i ignore case, m multi-line, s dot matches newline, x verbose."""
    ask: str | None = None
    """How the judge is told to reply; needed where no `template` of your own says so."""

    @model_validator(mode="after")
    def _one_way(self) -> PatternReply:
        if (self.pattern is None) == (not self.patterns):
            raise ValueError('give it either "pattern" or "patterns"')
        if self.patterns and "which" in self.model_fields_set:
            raise ValueError('"which" is for "pattern"; of "patterns" the first that is found decides')
        return self


class Calibration(Section):
    """Answers that people have labelled, against which the judge is held."""

    path: str
    """A file of JSON lines with `id`, `output` (the labelled answer) and `label` (a verdict of the rubric, or its
    value); relative to the configuration's folder. The answers should be a random sample of all."""


class LargerJudge(Section):
    """Another model, asked where the first one is not sure."""

    provider: ProviderConfig
    uncertain: tuple[float, float]
    """Values of the first judge from which on, and up to which, this one decides; also where the first has none."""
    votes: Votes = 1

    @model_validator(mode="after")
    def _ordered(self) -> LargerJudge:
        if self.uncertain[0] > self.uncertain[1]:
            raise ValueError("uncertain: the first number is the larger one")
        return self


class AskingOptions(ScorerOptions):
    """What the scorers that ask a model have in common."""

    provider: ProviderConfig
    """The model that judges; sampling, as temperature, is set in its `params`."""
    system: str | None = None
    """The system message; a short one of ours where absent."""
    template: str | None = None
    """The user's message, with names in double braces: input, answer, target, rubric, reply_form, metadata.NAME; for
    `pairwise` answer_a and answer_b. Ours where absent."""
    constrain: bool = False
    """Sends the JSON Schema of the reply as `response_format`, for endpoints that keep to it."""
    repairs: Annotated[int, Field(ge=0, le=3)] = 1
    """How often a reply that can't be read is sent back with what is wrong with it."""
    threshold: float | None = None
    """Passes at this value or above; without it a judge by `pass_fail` or `correctness` passes at 1, and there is no
    verdict elsewhere."""

    @property
    def needs_target(self) -> bool:
        """Whether a template of the user's shows the target; ours does without where there is none."""
        return self.template is not None and _SHOWS_TARGET.search(self.template) is not None

    @model_validator(mode="after")
    def _can_be_constrained(self) -> AskingOptions:
        if self.constrain:
            _check_constrained(self.provider)
        return self


class JudgeOptions(AskingOptions):
    """What a judge is asked, and how its replies become a value."""

    rubric: RubricConfig
    reply: Literal["json", "line"] | PatternReply = "json"
    """`json`: an object; `line`: a last line with the verdict; or patterns of your own."""
    votes: Votes = 1
    """How often it is asked, at a temperature above 0."""
    combine: Literal["mean", "majority"] | None = None
    """Absent, the majority of labels and the mean of numbers."""
    min_votes: Annotated[int, Field(ge=1)] | None = None
    """Votes that have to be readable; absent, more than half of them."""
    larger: LargerJudge | None = None
    """Asked where the first one is not sure."""
    calibration: Calibration | None = None
    """Holds the scores against labels of people: agreement, bias, and a mean that is corrected for it."""

    @property
    def needs_target(self) -> bool:
        """Whether the rubric compares with the target, or a template shows it."""
        if isinstance(self.rubric, PairwiseRubric):
            return self.rubric.against == "target" or super().needs_target
        return isinstance(self.rubric, ReferenceRubric) or super().needs_target

    @model_validator(mode="after")
    def _fitting(self) -> JudgeOptions:
        numbers = isinstance(self.rubric, CriteriaRubric) or getattr(self.rubric, "scale", None) is not None
        if isinstance(self.rubric, CriteriaRubric) and self.reply != "json":
            raise ValueError('several criteria need "reply": "json"')
        if numbers and self.combine == "majority":
            raise ValueError('"combine": "majority" is for labels; numbers have a mean')
        if numbers and isinstance(self.reply, PatternReply) and self.reply.patterns:
            raise ValueError('"patterns" name a label each; a number on a scale is found by "pattern"')
        fewest = self.votes if self.larger is None else min(self.votes, self.larger.votes)
        if self.min_votes is not None and self.min_votes > fewest:
            raise ValueError(f"min_votes {self.min_votes} is more than the {fewest} votes there are")
        if isinstance(self.reply, PatternReply) and self.reply.ask is None and self.template is None:
            raise ValueError('a reply found by patterns needs "ask", so that the judge knows the form, or a "template"')
        if self.constrain and self.reply != "json":
            raise ValueError('"constrain" needs "reply": "json"')
        if self.constrain and self.larger is not None:
            _check_constrained(self.larger.provider)
        return self

    @model_validator(mode="after")
    def _votes_differ(self) -> JudgeOptions:
        orders = 2 if isinstance(self.rubric, PairwiseRubric) and self.rubric.both_orders else 1
        for judge in (self, *(() if self.larger is None else (self.larger,))):
            _check_calls(judge.votes * orders * (self.repairs + 1))
            if judge.votes > 1 and getattr(judge.provider, "params", {}).get("temperature") == 0:
                raise ValueError("several votes at temperature 0 are one vote, counted several times")
        return self


class DimensionsScorer(AskingOptions):
    """Several sides of an answer, each with a value, the judge's confidence and a quotation as evidence."""

    type: Literal["dimensions"]
    dimensions: Annotated[list[Criterion], Field(min_length=1)]
    scale: Scale = (1, 5)
    """What the judge gives each; it becomes a value from 0 to 1."""
    together: bool = False
    """Asks for all of them in one call: cheaper, and each may colour the others."""

    @model_validator(mode="after")
    def _possible(self) -> DimensionsScorer:
        check_parts("dimensions", self.dimensions)
        check_scale(self.scale)
        _check_calls((1 if self.together else len(self.dimensions)) * (self.repairs + 1))
        return self


def _check_calls(calls: int) -> None:
    if calls > MAX_CALLS:
        raise ValueError(f"one score may take {calls} calls, repairs among them: at most {MAX_CALLS} are possible")


def _check_constrained(provider: Any) -> None:
    if not isinstance(provider, OpenAIProvider) or provider.api == "completions":
        raise ValueError('"constrain" needs a provider of type "openai" whose api is "chat" or "responses"')
    own = {"response_format", "text"} & provider.params.keys()
    if own:
        raise ValueError(f'"constrain" sets {min(own)} itself: take it out of params')
