"""Measures an endpoint with the cases of a configuration, and keeps the answers for the run that follows."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import aclosing
from pathlib import Path

from msgspec import Struct, structs

from evalperf.config.load import LoadedConfig
from evalperf.config.model import RunConfig
from evalperf.pipeline.assemble import open_parts
from evalperf.tune_asking import Asking
from evalperf.tune_plan import TuneLimits, TunePlan
from evalperf.tuning import (
    QUICK,
    THOROUGH,
    Bounds,
    Findings,
    Level,
    Load,
    PaceTrial,
    ScalabilityLaw,
    fit_scalability_law,
    open_load,
    search,
)

__all__ = ["Tuned", "tune"]

Tell = Callable[[Level | PaceTrial], None]

HELD_SHARE = 0.5
"""Of the calls at a level; beyond, the configured limits are what it measures."""


class Tuned(Struct, frozen=True, kw_only=True):
    """What was found, and what it took."""

    findings: Findings
    law: ScalabilityLaw | None
    """Fitted to the levels; None where they are too few."""
    requests: int
    cost_usd: float | None
    """Of the answers; None where a price or a usage is not known."""
    kept: bool
    """Whether the answers are in the cache now."""
    repeated: bool
    """Whether cases were asked again, because fewer than it took were left to ask."""
    notices: tuple[str, ...]


async def tune(
    loaded: LoadedConfig, plan: TunePlan, limits: TuneLimits, *, cache_dir: Path | None, tell: Tell
) -> Tuned:
    """Searches within the bounds of `plan`; `tell` hears of each level and each pace when it has been measured.

    Raises ConfigError or StoppedError for an endpoint that can't be reached, refuses its key or answers nothing.
    """
    config = _answers_only(loaded.config)
    async with open_parts(config, loaded.base_dir, connections=plan.max_workers, cache_dir=cache_dir) as parts:
        notices: list[str] = []
        parts.notices.listen(notices.append)
        asking = Asking(loaded, parts, plan)
        async with (
            aclosing(asking.requests),
            open_load(
                asking.ask,
                max_requests=plan.max_requests,
                max_seconds=limits.max_seconds,
                enough=asking.has_spent_budget,
                precision=QUICK if limits.quick else THOROUGH,
                seed=config.cases.seed,
            ) as load,
        ):
            measuring = _Measuring(load, asking, tell)
            bounds = Bounds(max_workers=plan.max_workers, max_latency_s=limits.max_latency_s)
            findings = measuring.judged(await search(measuring.level, measuring.pace, bounds))
        return Tuned(
            findings=findings,
            law=fit_scalability_law([(level.workers, level.cases_per_s) for level in findings.levels]),
            requests=load.sent,
            cost_usd=asking.total_usd,
            kept=asking.keeps,
            repeated=asking.repeated,
            notices=tuple(notices),
        )


def _answers_only(config: RunConfig) -> RunConfig:
    """Without what takes no part in getting an answer from these endpoints, so that it is neither loaded nor tried."""
    cache = config.cache.model_copy(update={"semantic": None})
    return config.model_copy(update={"scorers": [], "fallback": None, "cache": cache})


class _Measuring:
    """Tells what is measured, and notes where the configured limits were what held the load back."""

    def __init__(self, load: Load, asking: Asking, tell: Tell) -> None:
        self._load = load
        self._asking = asking
        self._tell = tell
        self._held_share: dict[int, float] = {}  # by workers

    async def level(self, workers: int) -> Level | None:
        asked, held = self._asking.asked, self._asking.held
        level = await self._load.level(workers)
        if level is not None:
            self._held_share[workers] = (self._asking.held - held) / max(1, self._asking.asked - asked)
            self._tell(level)
        return level

    async def pace(self, rate_per_s: float, workers: int) -> PaceTrial | None:
        trial = await self._load.pace(rate_per_s, workers)
        if trial is not None:
            self._tell(trial)
        return trial

    def judged(self, findings: Findings) -> Findings:
        """A limit of the configuration looks like a server that does no more."""
        largest = max(self._held_share, default=0)
        configured = self._held_share.get(largest, 0.0) > HELD_SHARE
        if configured and findings.limited_by in ("server", "max_workers"):
            return structs.replace(findings, limited_by="rate_limit")
        return findings
