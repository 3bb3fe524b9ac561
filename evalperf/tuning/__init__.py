"""How many workers: from the machine alone (`sizing`), measured at the endpoint (`search`), or from earlier runs."""

from __future__ import annotations

from evalperf.tuning.advice import advice
from evalperf.tuning.level import Level, LimitedBy, Measure, MeasurePace, PaceTrial
from evalperf.tuning.load import Call, Load, open_load
from evalperf.tuning.sample import QUICK, THOROUGH, Precision, Reply
from evalperf.tuning.search import MAX_PROBES, Bounds, Findings, most_requests, search
from evalperf.tuning.sizing import (
    Bound,
    Machine,
    Workers,
    memory_bound,
    peak_rss_bytes,
    read_machine,
    recommend,
    rss_bytes,
)
from evalperf.tuning.usl import ScalabilityLaw, fit_scalability_law
from evalperf.tuning.warm_start import FILE_NAME, WarmStart, read_warm_start, save_warm_start

__all__ = [
    "FILE_NAME",
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
    "ScalabilityLaw",
    "WarmStart",
    "Workers",
    "advice",
    "fit_scalability_law",
    "memory_bound",
    "most_requests",
    "open_load",
    "peak_rss_bytes",
    "read_machine",
    "read_warm_start",
    "recommend",
    "rss_bytes",
    "save_warm_start",
    "search",
]
