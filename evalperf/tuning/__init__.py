"""How many workers: from the machine alone (`sizing`), measured at the endpoint (`search`), or from earlier runs."""

from __future__ import annotations

from evalperf.tuning.level import Level, LimitedBy, Measure, MeasurePace, PaceTrial
from evalperf.tuning.load import Call, Load, open_load
from evalperf.tuning.sample import QUICK, THOROUGH, Precision, Reply
from evalperf.tuning.search import MAX_PROBES, Bounds, Findings, search
from evalperf.tuning.sizing import Bound, Machine, Workers, read_machine, recommend
from evalperf.tuning.warm_start import WarmStart, read_warm_start, save_warm_start

__all__ = [
    "MAX_PROBES",
    "QUICK",
    "THOROUGH",
    "Bound",
    "Bounds",
    "Call",
    "Findings",
    "Level",
    "LimitedBy",
    "Load",
    "Machine",
    "Measure",
    "MeasurePace",
    "PaceTrial",
    "Precision",
    "Reply",
    "WarmStart",
    "Workers",
    "open_load",
    "read_machine",
    "read_warm_start",
    "recommend",
    "save_warm_start",
    "search",
]
