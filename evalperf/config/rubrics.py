"""Rubrics: what a judge is asked to look at, and which verdicts there are."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Literal, Protocol

from pydantic import Field, model_validator

from evalperf.config.section import Section

__all__ = [
    "CriteriaRubric",
    "Criterion",
    "GradeRubric",
    "PairwiseRubric",
    "PassFailRubric",
    "ReferenceRubric",
    "RubricConfig",
    "Scale",
    "check_parts",
    "check_scale",
]

Instruction = Annotated[str, Field(min_length=1)]
Weight = Annotated[float, Field(ge=0)]
Scale = tuple[float, float]
"""The lowest and the highest number."""


class GradeRubric(Section):
    """A grade out of `grades`, or a number on `scale`."""

    type: Literal["grade"]
    criterion: Instruction
    """What is graded, and what the grades mean."""
    grades: Annotated[dict[Annotated[str, Field(min_length=1)], float], Field(min_length=2)] | None = None
    """Each grade and its value, as in {"A": 1, "B": 0.5, "C": 0}."""
    scale: Scale | None = None
    """The lowest and the highest number, as in [1, 10]."""
    normalize: bool = True
    """Whether a number on the scale becomes a value from 0 to 1."""

    @model_validator(mode="after")
    def _one_kind(self) -> GradeRubric:
        if (self.grades is None) == (self.scale is None):
            raise ValueError('give it either "grades" or "scale"')
        if self.scale is not None:
            check_scale(self.scale)
        if self.grades is not None:
            _check_labels(list(self.grades))
            if "normalize" in self.model_fields_set:
                raise ValueError('"normalize" is for a "scale"; grades have the values that stand beside them')
        return self


class PassFailRubric(Section):
    """Pass or fail: 1 or 0."""

    type: Literal["pass_fail"]
    criterion: Instruction
    """What an answer has to do to pass."""


class ReferenceRubric(Section):
    """The answer beside the target: is it correct, or how do its facts relate to the target's."""

    type: Literal["reference"]
    compare: Literal["correctness", "facts"] = "correctness"
    """`correctness`: correct 1, incorrect 0; `facts`: same, immaterial 1, superset 0.6, subset 0.4, disagreement 0."""
    partial: bool = False
    """Whether `correctness` knows a third verdict, partial, of value 0.5."""
    criterion: Instruction | None = None
    """More about what counts."""

    @model_validator(mode="after")
    def _partly_correct(self) -> ReferenceRubric:
        if self.partial and self.compare == "facts":
            raise ValueError('"partial" belongs to "compare": "correctness"')
        return self


class PairwiseRubric(Section):
    """Which of two answers is better: 1 the case's, 0 the other one, 0.5 neither."""

    type: Literal["pairwise"]
    against: Annotated[str, Field(pattern=r"^(target|metadata(\.[^.]+)+)$")] = "target"
    """The other answer: the case's `target` (the first of several), or a field as in metadata.baseline."""
    criterion: Instruction = "Which answer is more correct, more helpful, and closer to what was asked?"
    """What makes an answer the better one."""
    ties: bool = True
    """Whether the judge may call it a tie."""
    both_orders: bool = True
    """Asks twice, with the answers swapped: a win is one in both orders, all else is a tie."""


class Criterion(Section):
    """One of several things that are looked at."""

    name: Annotated[str, Field(pattern=r"^[^\W\d][\w -]*$", max_length=60)]
    description: Instruction
    """What it means, and when it is met."""
    weight: Weight = 1.0
    """Its share in the value; 0 = shown, never counted."""


class CriteriaRubric(Section):
    """Several criteria in one call: their mean by weight."""

    type: Literal["criteria"]
    criteria: Annotated[list[Criterion], Field(min_length=1)]
    scale: Scale | None = None
    """Each is a number on this scale, which becomes 0 to 1; absent, each is met (1) or not (0)."""

    @model_validator(mode="after")
    def _possible(self) -> CriteriaRubric:
        check_parts("criteria", self.criteria)
        if self.scale is not None:
            check_scale(self.scale)
        return self


RubricConfig = Annotated[
    GradeRubric | PassFailRubric | ReferenceRubric | PairwiseRubric | CriteriaRubric, Field(discriminator="type")
]


class _Part(Protocol):
    @property
    def name(self) -> str: ...
    @property
    def weight(self) -> float: ...


def check_parts(what: str, parts: Sequence[_Part]) -> None:
    """Raises ValueError where two have one name, or none has a weight."""
    names = [part.name.casefold() for part in parts]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise ValueError(f'two of the {what} are called "{twice[0]}"')
    if not any(part.weight for part in parts):
        raise ValueError("all weights are 0: there is no mean")


def check_scale(scale: Scale) -> None:
    """Raises ValueError where it is upside down."""
    if scale[0] >= scale[1]:
        raise ValueError("scale: the first number is the lowest, the second the highest")


def _check_labels(labels: list[str]) -> None:
    folded = [label.strip().casefold() for label in labels]
    if "" in folded or len(set(folded)) != len(folded):
        raise ValueError("grades: two of them differ in nothing but case or white space, or one is empty")
