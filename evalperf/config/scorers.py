"""The options of each scorer; what they mean is defined beside the scorer's code in scorers/."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, model_validator

from evalperf.config.scorer_options import Extract, ScorerOptions, TargetScorer
from evalperf.config.scorers_code import CodeScorer
from evalperf.config.scorers_command import CommandScorer
from evalperf.config.scorers_judged import DimensionsScorer, JudgeOptions
from evalperf.config.scorers_overlap import BleuScorer, ChrfScorer, RougeScorer, SquadEmScorer, SquadF1Scorer, TerScorer
from evalperf.config.scorers_semantic import SemanticScorer
from evalperf.config.scorers_structured import (
    JsonEqualScorer,
    JsonSchemaScorer,
    JsonValidScorer,
    SqlScorer,
    XmlValidScorer,
    YamlValidScorer,
)
from evalperf.config.scorers_text import (
    EndsWithScorer,
    ExactScorer,
    ExcludesScorer,
    FuzzyScorer,
    IncludesScorer,
    LengthScorer,
    LevenshteinScorer,
    NormalizedScorer,
    RegexScorer,
    StartsWithScorer,
)

__all__ = [
    "AllScorer",
    "AnyScorer",
    "BleuScorer",
    "ChoiceScorer",
    "ChrfScorer",
    "CodeScorer",
    "CommandScorer",
    "DimensionsScorer",
    "EndsWithScorer",
    "ExactScorer",
    "ExcludesScorer",
    "Extract",
    "FunctionScorer",
    "FuzzyScorer",
    "IncludesScorer",
    "JsonEqualScorer",
    "JsonSchemaScorer",
    "JsonValidScorer",
    "JudgeScorer",
    "LengthScorer",
    "LevenshteinScorer",
    "NormalizedScorer",
    "NotScorer",
    "NumberScorer",
    "RegexScorer",
    "RougeScorer",
    "ScorerConfig",
    "ScorerOptions",
    "SemanticScorer",
    "SqlScorer",
    "SquadEmScorer",
    "SquadF1Scorer",
    "StartsWithScorer",
    "TargetScorer",
    "TerScorer",
    "WeightedScorer",
    "XmlValidScorer",
    "YamlValidScorer",
]


class NumberScorer(TargetScorer):
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


class ChoiceScorer(TargetScorer):
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
    """"package.module:name", or an entry point of `evalperf.scorers`; gets (case, response), returns a number, a bool,
    None or a Score."""
    version: str | None = None
    """Changed with the code, it keeps a run from going on with other code than it began with; with it, scores are kept
    in the cache `scores`: the same version scores the same answer to the same case in the same way."""
    options: dict[str, Any] = {}
    """Passed on as keyword arguments."""
    run_in: Literal["loop", "thread", "process"] = "loop"
    """`thread` for code that waits, `process` for code that computes; `loop` for what takes microseconds."""
    max_parallel: Annotated[int, Field(ge=1, le=256)] | None = None
    """Most calls at once in threads or processes; absent, 8 threads or one process for each CPU."""
    memory_mb: Annotated[int, Field(ge=64)] | None = None
    """The address space of a process; past it the function gets a MemoryError. Absent, there is no limit."""
    timeout_s: Annotated[float, Field(gt=0)] = 60
    """For one call; past it the case fails. Plain code in the loop can't be interrupted, a process is killed."""

    @model_validator(mode="after")
    def _parallel_outside_the_loop(self) -> FunctionScorer:
        if self.run_in == "loop" and self.max_parallel is not None:
            raise ValueError('"max_parallel" needs "run_in": "thread" or "process"')
        if self.run_in != "process" and self.memory_mb is not None:
            raise ValueError('"memory_mb" needs "run_in": "process"')
        return self


class _CompositeScorer(ScorerOptions):
    scorers: Annotated[list[ScorerConfig], Field(min_length=1)]
    """The scorers that it is made of."""

    @property
    def needs_target(self) -> bool:
        """Where one of its parts does."""
        return any(part.needs_target for part in self.scorers)

    @model_validator(mode="after")
    def _distinct_parts(self) -> _CompositeScorer:
        names = [scorer.name or scorer.type for scorer in self.scorers]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(f'two scorers are called "{twice[0]}": give one of them a "name"')
        return self


class AllScorer(_CompositeScorer):
    """Passes if all of its scorers pass."""

    type: Literal["all"]


class AnyScorer(_CompositeScorer):
    """Passes if one of its scorers passes."""

    type: Literal["any"]


class WeightedScorer(_CompositeScorer):
    """The mean of the values of its scorers, by their weights."""

    type: Literal["weighted"]
    threshold: float | None = None
    """Passes at this value or above; without it there is no verdict."""

    @model_validator(mode="after")
    def _weighs_something(self) -> WeightedScorer:
        if not any(scorer.weight for scorer in self.scorers):
            raise ValueError("all weights are 0: there is no mean")
        return self


class NotScorer(ScorerOptions):
    """Passes if its scorer does not."""

    type: Literal["not"]
    scorer: ScorerConfig
    """The scorer whose verdict is turned round."""

    @property
    def needs_target(self) -> bool:
        """Where its part does."""
        return self.scorer.needs_target


class JudgeScorer(JudgeOptions):
    """A model judges the answer by a rubric."""

    type: Literal["judge"]
    first: ScorerConfig | None = None
    """A scorer that needs no model; where it is sure, no judge is asked."""
    first_decides: Literal["passed", "failed", "both"] = "passed"
    """Which verdict of `first` is sure: it then is the rubric's best or worst value."""

    @model_validator(mode="after")
    def _decides_something(self) -> JudgeScorer:
        if self.first is None and "first_decides" in self.model_fields_set:
            raise ValueError('"first_decides" needs "first"')
        return self


_Scorer = Annotated[
    ExactScorer
    | NormalizedScorer
    | IncludesScorer
    | ExcludesScorer
    | StartsWithScorer
    | EndsWithScorer
    | RegexScorer
    | LevenshteinScorer
    | FuzzyScorer
    | LengthScorer
    | SquadEmScorer
    | SquadF1Scorer
    | RougeScorer
    | BleuScorer
    | ChrfScorer
    | TerScorer
    | NumberScorer
    | ChoiceScorer
    | JsonValidScorer
    | JsonEqualScorer
    | JsonSchemaScorer
    | XmlValidScorer
    | YamlValidScorer
    | SqlScorer
    | CodeScorer
    | SemanticScorer
    | JudgeScorer
    | DimensionsScorer
    | FunctionScorer
    | CommandScorer
    | AllScorer
    | AnyScorer
    | NotScorer
    | WeightedScorer,
    Field(discriminator="type"),
]


def _bare_type(value: Any) -> Any:
    return {"type": value} if isinstance(value, str) else value


ScorerConfig = Annotated[_Scorer, BeforeValidator(_bare_type)]
"""One entry of `scorers`; a bare string is a scorer with its defaults."""

for _composite in (AllScorer, AnyScorer, NotScorer, WeightedScorer, JudgeScorer):
    _composite.model_rebuild()
