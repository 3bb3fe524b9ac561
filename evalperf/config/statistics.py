"""How numbers are computed from results; nothing in here changes an answer or a score."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from evalperf.config.section import Section

__all__ = ["StatisticsConfig"]


class StatisticsConfig(Section):
    """Intervals, clusters and pass@k of the report; see docs/statistics.md."""

    cluster_by: Annotated[str, Field(min_length=1)] | None = None
    """A field of the cases (or `tags`, `model`, `endpoint`) whose equal values mark cases that are not independent,
    such as questions on one document; intervals then go over clusters."""
    interval: Literal["auto", "t", "bootstrap"] = "auto"
    """How 95 % intervals are made; `auto` is Wilson's for scores of 0 and 1, the bootstrap for skewed ones, else t."""
    pass_at: list[Annotated[int, Field(ge=1, le=10_000)]] = [1, 2, 5, 10, 20, 50, 100]
    """The k of pass@k and pass^k; those up to `cases.epochs` are reported."""
