"""What every scorer takes, whatever its type."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

__all__ = ["Extract", "Flags", "ScorerOptions", "Texts"]

Flags = Annotated[str, Field(pattern=r"^[imsx]*$")]
Texts = Annotated[list[Annotated[str, Field(min_length=1)]], Field(min_length=1)]


class Extract(BaseModel):
    """What of the answer is scored: a group of the pattern's first or last match."""

    model_config = ConfigDict(extra="forbid", frozen=True)

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

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    name: Annotated[str, Field(pattern=r"^[A-Za-z_][\w-]*$", max_length=100)] | None = None
    """Its name in results and reports; its type where absent."""
    weight: Annotated[float, Field(ge=0)] = 1.0
    """Its share in `overall_score`."""
    extract: Annotated[Extract, BeforeValidator(_bare_pattern, json_schema_input_type=str | Extract)] | None = None
    """What of the answer is scored; a bare pattern means its first group in the last match."""
    time_limit_s: Annotated[float, Field(gt=0)] = 1.0
    """For the patterns of one case, `extract` and the scorer's own; past it the case is not scored, and says so."""
