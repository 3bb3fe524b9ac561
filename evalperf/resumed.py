"""What earlier sessions of a run have left, told before the first case is taken."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

from evalperf.errors import StoppedError
from evalperf.results import Recovered

__all__ = ["tell_of_earlier_sessions"]

SHOWN = 20
"""Sentences about damage; what is beyond is counted."""

MADE_AGAIN = "they are made again and may be billed twice"
GIVEN_UP = "their cases are given up, so that nothing is billed twice; --retry-failed asks them again"


def tell_of_earlier_sessions(
    recovered: Recovered, in_doubt: Literal["retry", "skip", "ask"], tell: Callable[[str], None]
) -> None:
    """Names what was lost, and what becomes of calls in doubt; raises StoppedError where the user has to say that."""
    for sentence in recovered.damage[:SHOWN]:
        tell(sentence)
    if len(recovered.damage) > SHOWN:
        tell(f"and {len(recovered.damage) - SHOWN:,} more of these; evalperf doctor shows them all")
    if not recovered.in_doubt:
        return
    calls = "1 call was" if recovered.in_doubt == 1 else f"{recovered.in_doubt:,} calls were"
    found = f"{calls} under way when an earlier session died"
    if in_doubt == "ask":
        hint = f"--in-doubt retry: {MADE_AGAIN}; --in-doubt skip: {GIVEN_UP}"
        raise StoppedError(f"{found}, and nobody knows whether they were billed", hint=hint)
    tell(f"{found}: {MADE_AGAIN if in_doubt == 'retry' else GIVEN_UP}")
