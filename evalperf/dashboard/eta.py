"""How long the rest will take, as a range, from the pace of the last two minutes."""

from __future__ import annotations

from collections.abc import Sequence
from math import sqrt
from statistics import fmean, stdev

from msgspec import Struct

__all__ = ["WINDOW_S", "Eta", "Second", "estimate"]

WINDOW_S = 120
BATCHES = 4
FEWEST_CALLED = 30


class Second(Struct, frozen=True):
    """What finished in one second of the run."""

    finished: int
    called: int
    """Of these, the ones that no cache answered."""
    output_tokens: int


class Eta(Struct, frozen=True):
    """Seconds that are left, nominally with 80 % certainty; `high_s` is None where the pace is too unsteady to say."""

    low_s: float
    high_s: float | None


def estimate(seconds: Sequence[Second], remaining: int) -> Eta | None:
    """The range, or None before 30 calls and two batches (a second each, at the least).

    Batch means over up to four batches of up to 30 s; half width is 1.64 standard errors, but never less than 5 %.
    Cached answers cost no time: of the rest only the share that was called so far counts.
    """
    recent = seconds[-WINDOW_S:]
    length_s = max(1, len(recent) // BATCHES)
    whole = [recent[end - length_s : end] for end in range(len(recent), length_s - 1, -length_s)][:BATCHES]
    called = sum(second.called for batch in whole for second in batch)
    if len(whole) < 2 or called < FEWEST_CALLED:
        return None
    finished = sum(second.finished for batch in whole for second in batch)
    paces = [sum(second.called for second in batch) / length_s for batch in whole]
    pace = fmean(paces)
    half_width = max(1.64 * stdev(paces) / sqrt(len(paces)), 0.05 * pace)
    to_call = remaining * called / finished
    slowest = pace - half_width
    return Eta(to_call / (pace + half_width), to_call / slowest if slowest > 0 else None)
