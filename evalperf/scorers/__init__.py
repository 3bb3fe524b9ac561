"""Scorers: each gives one view of an answer, as a value, a verdict and a reason."""

from evalperf.scorers.base import NO_ANSWER, Scorer, overall
from evalperf.scorers.opening import SCORERS, open_scorers
from evalperf.scorers.targets import without_targets

__all__ = ["NO_ANSWER", "SCORERS", "Scorer", "open_scorers", "overall", "without_targets"]
