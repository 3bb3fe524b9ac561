"""Scorers: each gives one view of an answer, as a value, a verdict and a reason."""

from evalperf.scorers.base import NO_ANSWER, Scorer, overall
from evalperf.scorers.extraction import compile_pattern
from evalperf.scorers.normal_forms import general_form, squad_form
from evalperf.scorers.numbers import find_number
from evalperf.scorers.opening import SCORERS, open_scorers
from evalperf.scorers.patterns import count_matches, find_match

__all__ = [
    "NO_ANSWER",
    "SCORERS",
    "Scorer",
    "compile_pattern",
    "count_matches",
    "find_match",
    "find_number",
    "general_form",
    "open_scorers",
    "overall",
    "squad_form",
]
