"""What a run will ask, use, cost and take, estimated from a sample of its cases without asking anything."""

from __future__ import annotations

from evalperf.estimate.estimate import Estimate, estimate
from evalperf.estimate.ranges import Range

__all__ = ["Estimate", "Range", "estimate"]
