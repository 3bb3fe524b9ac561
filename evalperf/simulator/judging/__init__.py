"""The model `judge`: it compares an answer with a reference and says what it finds in the form that it is asked for."""

from __future__ import annotations

from evalperf.simulator.judging.judge import Judgement, judge
from evalperf.simulator.judging.manners import GOOD_FORMS, Spoken, speak

__all__ = ["GOOD_FORMS", "Judgement", "Spoken", "judge", "speak"]
