"""The options of the scorer that is a program of the user's."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from evalperf.config.scorer_options import ScorerOptions

__all__ = ["CommandScorer"]


class CommandScorer(ScorerOptions):
    """A program scores: it reads one JSON line and writes one, for case after case."""

    type: Literal["command"]
    argv: Annotated[list[Annotated[str, Field(min_length=1)]], Field(min_length=1)]
    """The program and its arguments; no shell is in between. It starts in the configuration's folder."""
    keep: bool = True
    """Whether a copy stays for the next case; without, each case gets a copy of its own, whose input ends."""
    version: str | None = None
    """Changed with the program, it keeps a run from going on with another one than it began with."""
    timeout_s: Annotated[float, Field(gt=0)] = 60
    """For one case; past it the case fails, and the copy is killed."""
    max_parallel: Annotated[int, Field(ge=1, le=256)] | None = None
    """Most copies at once; absent, one for each CPU."""
