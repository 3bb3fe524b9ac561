"""What every scorer takes, whatever its type."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from evalperf.config.section import Section

__all__ = ["Extract", "Fences", "Flags", "ScorerOptions", "TargetScorer", "Texts"]

Flags = Annotated[str, Field(pattern=r"^[imsx]*$")]
Fences = bool | Literal["anywhere"]
Texts = Annotated[list[Annotated[str, Field(min_length=1)]], Field(min_length=1)]


class Extract(Section):
    """What of the answer is scored: a group of the pattern's first or last match."""

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


class ScorerOptions(Section):
    """What every scorer takes."""

    name: Annotated[str, Field(pattern=r"^[A-Za-z_][\w-]*$", max_length=100)] | None = None
    """Its name in results and reports; its type where absent."""
    weight: Annotated[float, Field(ge=0)] = 1.0
    """Its share in `overall_score`."""
    extract: Annotated[Extract, BeforeValidator(_bare_pattern, json_schema_input_type=str | Extract)] | None = None
    """What of the answer is scored; a bare pattern means its first group in the last match."""
    time_limit_s: Annotated[float, Field(gt=0)] = 1.0
    """For the patterns of one case, `extract` and the scorer's own; past it the case is not scored, and says so."""

    @property
    def needs_target(self) -> bool:
        """Whether a case without a target is not scored."""
        return False


class TargetScorer(ScorerOptions):
    """What a scorer takes that compares the answer with the case's target."""

    @property
    def needs_target(self) -> bool:
        """It does, as long as no option takes the target's place."""
        return True
