"""The `length` scorer: how long an answer is."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from evalperf.config.scorers import LengthScorer
from evalperf.records import Score
from evalperf.scorers.base import Scorer, Targets, verdict
from evalperf.scorers.extraction import text_scorer
from evalperf.scorers.resources import Resources

__all__ = ["UNITS", "length"]

UNITS: Final[dict[str, Callable[[str], int]]] = {
    "chars": lambda text: len(text.strip()),
    "words": lambda text: len(text.split()),
    "lines": lambda text: len(text.strip().splitlines()),
}
"""What is counted, white space around the text apart: code points, runs without white space, lines (empty ones too)."""


def length(config: LengthScorer, resources: Resources) -> Scorer:
    """The length lies between `min` and `max`, both included."""
    measure, least, most = UNITS[config.unit], config.min, config.max

    def judge(answer: str, _targets: Targets) -> Score:
        count = measure(answer)
        right = (least is None or count >= least) and (most is None or count <= most)
        unit = config.unit if count != 1 else config.unit[:-1]
        return verdict(right, reason=f"{count} {unit}")

    return text_scorer(config, "length", judge, resources)
