"""How many workers: from the machine alone (`sizing`), or measured at the endpoint (`probe`)."""

from __future__ import annotations

from evalperf.tuning.probe import Level, LimitedBy, Measure, Recommendation, probe
from evalperf.tuning.sizing import Bound, Machine, Workers, read_machine, recommend

__all__ = [
    "Bound",
    "Level",
    "LimitedBy",
    "Machine",
    "Measure",
    "Recommendation",
    "Workers",
    "probe",
    "read_machine",
    "recommend",
]
