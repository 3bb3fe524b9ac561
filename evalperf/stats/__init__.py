"""Numbers with their uncertainty: sketches, intervals, summaries, gates."""

from __future__ import annotations

from evalperf.stats.exact import ExactSum, Moments
from evalperf.stats.examples import Example
from evalperf.stats.gates import GateResult, check_gate_names, evaluate_gates
from evalperf.stats.intervals import mean_interval, t_interval, wilson_interval
from evalperf.stats.scoresummary import ScoreSummary
from evalperf.stats.sketch import Sketch
from evalperf.stats.summariser import DEFAULT_PASS_AT, Summariser
from evalperf.stats.summary import Grouping, GroupSummary, Retries, Summary, TokenUsage, quantiles_of

__all__ = [
    "DEFAULT_PASS_AT",
    "ExactSum",
    "Example",
    "GateResult",
    "GroupSummary",
    "Grouping",
    "Moments",
    "Retries",
    "ScoreSummary",
    "Sketch",
    "Summariser",
    "Summary",
    "TokenUsage",
    "check_gate_names",
    "evaluate_gates",
    "mean_interval",
    "quantiles_of",
    "t_interval",
    "wilson_interval",
]
