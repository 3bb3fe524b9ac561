"""Rubrics: what a judge is told to look at, which verdicts there are, and what each of them is worth."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Any, Final

from msgspec import Struct

from evalperf.config.rubrics import (
    CriteriaRubric,
    GradeRubric,
    PairwiseRubric,
    PassFailRubric,
    ReferenceRubric,
    RubricConfig,
)

__all__ = ["FIRST", "SECOND", "TIE", "Labels", "Numbers", "Rubric", "Said", "rubric_of"]

Synonyms = Mapping[str, tuple[str, ...]]

FIRST, SECOND, TIE = "A", "B", "tie"
"""The verdicts on a pair, as the judge names them: the first answer, the second, neither."""

FACTS: Final = {"same": 1.0, "immaterial": 1.0, "superset": 0.6, "subset": 0.4, "disagreement": 0.0}
"""How an answer's facts relate to the target's, with the values that autoevals' Factuality gives by default."""

_FACTS_TEXT: Final = """\
Compare the facts in the answer with those in the reference. Differences of style, grammar or punctuation do not count.
- same: the answer has all the facts of the reference
- superset: the answer has all the facts of the reference and more, and contradicts none
- subset: the answer has some of the facts of the reference, and contradicts none
- disagreement: the answer and the reference contradict each other
- immaterial: they differ, but not in anything that matters to the question's facts"""

_CORRECT_TEXT: Final = """\
Does the answer say what the reference says, so that it is correct? Judge by the content, not by wording or length.
What the answer adds may be more than the reference has, as long as it contradicts neither it nor itself."""

_MAX_LABEL_CHARS: Final = 200
_AROUND: Final = " \t\r\n\"'`“”‘’*_()[]{}<>.:,;!"
_NUMBER: Final = re.compile(r"([-+−]?\d{1,15}(?:\.\d{1,15})?)(?:\s*/\s*(\d{1,15}(?:\.\d{1,15})?))?")
_PASSED: Final[Synonyms] = {"pass": ("true", "yes", "passed", "passes"), "fail": ("false", "no", "failed", "fails")}
_MET: Final[Synonyms] = {"met": ("true", "yes"), "not met": ("false", "no", "unmet")}


class Said(Struct, frozen=True):
    """A verdict that is one of the rubric's."""

    value: float
    label: str | None
    """None where it is a number on a scale."""


class Labels(Struct, frozen=True):
    """Verdicts by name."""

    values: dict[str, float]
    synonyms: Synonyms = {}

    @property
    def low(self) -> float:
        """The worst value."""
        return min(self.values.values())

    @property
    def high(self) -> float:
        """The best value."""
        return max(self.values.values())

    @property
    def words(self) -> str:
        """What may be said, for the prompt."""
        return "one of " + ", ".join(f'"{label}"' for label in self.values)

    @property
    def schema(self) -> dict[str, Any]:
        """The same as a JSON Schema."""
        return {"type": "string", "enum": list(self.values)}

    def read(self, said: Any) -> Said | None:
        """The verdict that a reply gives; None for anything that is not exactly one of them."""
        if isinstance(said, bool):
            said = "true" if said else "false"
        elif isinstance(said, int | float) and abs(said) < 1e9 and said == int(said):
            said = str(int(said))
        if not isinstance(said, str):
            return None
        text = said[:_MAX_LABEL_CHARS]
        return self._named(text.strip()) or self._named(text.strip(_AROUND))

    def _named(self, text: str) -> Said | None:
        folded = text.casefold()
        for label, value in self.values.items():
            if folded == label.casefold() or folded in self.synonyms.get(label, ()):
                return Said(value, label)
        return None


class Numbers(Struct, frozen=True):
    """Verdicts from one number to another; a number outside is no verdict, and never moved inside."""

    lowest: float
    highest: float
    normalize: bool = True

    @property
    def low(self) -> float:
        """The worst value."""
        return 0.0 if self.normalize else self.lowest

    @property
    def high(self) -> float:
        """The best value."""
        return 1.0 if self.normalize else self.highest

    @property
    def words(self) -> str:
        """What may be said, for the prompt."""
        return f"a number from {self.lowest:g} (worst) to {self.highest:g} (best)"

    @property
    def schema(self) -> dict[str, Any]:
        """The same as a JSON Schema."""
        return {"type": "number", "minimum": self.lowest, "maximum": self.highest}

    def read(self, said: Any) -> Said | None:
        """The value of a number, also of one written as text, "7" or "7/10"; None for anything else."""
        number = self._number(said)
        if number is None or not self.lowest <= number <= self.highest:
            return None
        number = float(number)
        return Said((number - self.lowest) / (self.highest - self.lowest) if self.normalize else number, None)

    def _number(self, said: Any) -> float | None:
        if isinstance(said, bool) or not isinstance(said, str | int | float):
            return None
        if not isinstance(said, str):
            return said if isinstance(said, int) or math.isfinite(said) else None
        match = _NUMBER.fullmatch(said.strip(_AROUND))
        if match is None or (match.group(2) is not None and float(match.group(2)) != self.highest):
            return None
        return float(match.group(1).replace("−", "-"))


class Rubric(Struct, frozen=True, kw_only=True):
    """What a judge is told, and what its verdicts mean."""

    text: str
    """What to look at."""
    scale: Labels | Numbers
    parts: Mapping[str, float] = {}
    """Weights of the criteria, each of which has its own verdict; empty where there is one verdict."""
    pass_at: float | None = None
    """Passes at this value, where the configuration has no threshold."""
    human: Mapping[str, float] = {}
    """Further words of people for verdicts."""

    @property
    def human_words(self) -> str:
        """What a person's label may be."""
        return "a number from 0 to 1" if self.parts else self.scale.words

    def human_value(self, label: Any) -> float | None:
        """What a person's label is worth: a verdict, or the value of one; None for anything else."""
        if isinstance(label, str) and label in self.human:
            return self.human[label]
        said = Numbers(0, 1).read(label) if self.parts else self.scale.read(label)
        if said is not None:
            return said.value
        values = self.scale.values.values() if isinstance(self.scale, Labels) else ()
        is_number = isinstance(label, int | float) and not isinstance(label, bool)
        return float(label) if is_number and label in values else None


def rubric_of(config: RubricConfig) -> Rubric:
    """The rubric of a configuration."""
    match config:
        case GradeRubric():
            return _grade(config)
        case PassFailRubric():
            return _pass_fail(config)
        case ReferenceRubric():
            return _reference(config)
        case PairwiseRubric():
            return _pairwise(config)
        case CriteriaRubric():
            return _criteria(config)


def _grade(config: GradeRubric) -> Rubric:
    scale: Labels | Numbers
    if config.grades is not None:
        scale = Labels({label.strip(): value for label, value in config.grades.items()})
    else:
        low, high = config.scale if config.scale is not None else (0.0, 1.0)  # the configuration has one or the other
        scale = Numbers(low, high, config.normalize)
    return Rubric(text=f"Grade the answer. {config.criterion}", scale=scale)


def _pass_fail(config: PassFailRubric) -> Rubric:
    text = f"Decide whether the answer passes. {config.criterion}"
    return Rubric(text=text, scale=Labels({"pass": 1.0, "fail": 0.0}, _PASSED), pass_at=1.0)


def _reference(config: ReferenceRubric) -> Rubric:
    more = "" if config.criterion is None else f"\n{config.criterion}"
    if config.compare == "facts":
        return Rubric(text=_FACTS_TEXT + more, scale=Labels(FACTS))
    values = {"correct": 1.0, "partial": 0.5, "incorrect": 0.0}
    if not config.partial:
        del values["partial"]
    return Rubric(text=_CORRECT_TEXT + more, scale=Labels(values), pass_at=1.0)


def _pairwise(config: PairwiseRubric) -> Rubric:
    text = (
        f"Compare answer A with answer B. {config.criterion}\n"
        "The order in which they stand here is by chance and says nothing; neither does their length."
    )
    values = {FIRST: 1.0, SECOND: 0.0, TIE: 0.5} if config.ties else {FIRST: 1.0, SECOND: 0.0}
    return Rubric(text=text, scale=Labels(values), human={"answer": 1.0, "other": 0.0})


def _criteria(config: CriteriaRubric) -> Rubric:
    listed = "\n".join(f"- {part.name}: {part.description}" for part in config.criteria)
    text = f"Judge the answer by each of these criteria on its own:\n{listed}"
    scale = Numbers(*config.scale) if config.scale is not None else Labels({"met": 1.0, "not met": 0.0}, _MET)
    return Rubric(text=text, scale=scale, parts={part.name: part.weight for part in config.criteria})
