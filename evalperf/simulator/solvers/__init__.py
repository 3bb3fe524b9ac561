"""The simulated models: plain functions from the text of a problem to the text of an answer.

They read the problem and compute; they know no expected answers and draw no random numbers. What they get wrong, they
get wrong because they do not understand it.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from evalperf.simulator.solvers import large, small

__all__ = ["JUDGE", "SOLVERS", "solve"]

SOLVERS: dict[str, Callable[[str], str]] = {"small": small.answer, "large": large.answer}
"""By the name of the model; each takes well under a millisecond."""

JUDGE = "judge"
"""The model beside them that judges instead of solving."""

_MAX_CHARS = 2_000  # bounds the time for a question, and the digits of its numbers
_ANSWER_CUE = re.compile(r"\s*(?:A|Answer|Assistant):?\s*$", re.IGNORECASE)
_QUESTION_CUE = re.compile(r"^\s*(?:Q|Question|Problem|User):\s*", re.IGNORECASE)


def solve(model: str, prompt: str) -> str:
    """What the model answers to the last line of the prompt; "Q:" before it and "A:" after it do not matter."""
    lines = [line for line in prompt.splitlines() if line.strip() and not _ANSWER_CUE.fullmatch(line)]
    question = _QUESTION_CUE.sub("", lines[-1]).strip() if lines else ""
    if len(question) > _MAX_CHARS:
        return "This is too long for me."
    return SOLVERS[model](question)
