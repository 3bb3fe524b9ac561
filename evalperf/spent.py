"""The budget of a run, and what earlier sessions have spent of it."""

from __future__ import annotations

from evalperf.config.model import RunConfig
from evalperf.errors import ConfigError
from evalperf.pipeline.asking import AskedModels
from evalperf.pricing import find_price
from evalperf.records import Spent
from evalperf.resilience import Budget
from evalperf.results import RunDirectory, read_results

__all__ = ["open_budget"]


def open_budget(config: RunConfig, models: AskedModels, directory: RunDirectory, *, resumed: bool) -> Budget | None:
    """The budget with what is left of it; None where nothing is limited.

    Raises ConfigError where dollars are limited and a model has no price.

    Of a resumed run all rows are read, in 6 µs each.
    """
    limits = config.budget
    if limits.max_cost_usd is None and limits.max_tokens is None:
        return None
    if limits.max_cost_usd is not None:
        sections = [config.provider, *(model.section for model in models.models)]
        for section in (*sections, *(() if config.fallback is None else (config.fallback,))):
            if find_price(section) is None:
                raise ConfigError(
                    f"budget.max_cost_usd is set, and what {section.model or section.type} costs is not known",
                    hint='give its "provider" section "prices": {"input_usd_per_mtok": …, "output_usd_per_mtok": …}',
                )
    tokens, cost_usd = _spent(directory) if resumed else (0, 0.0)
    return Budget(
        max_tokens=limits.max_tokens,
        max_cost_usd=limits.max_cost_usd,
        spent_tokens=tokens,
        spent_usd=cost_usd,
    )


def _spent(directory: RunDirectory) -> tuple[int, float]:
    tokens, cost_usd = 0, 0.0
    for result in read_results(directory, on_damage=_passed_over):
        cost_usd += result.cost_usd or 0.0
        if result.usage is not None and result.cached is None:
            tokens += result.usage.input_tokens + result.usage.output_tokens
        for score in result.scores.values():
            if isinstance(score.spent, Spent):
                cost_usd += score.spent.cost_usd or 0.0
                if score.spent.usage is not None:
                    tokens += score.spent.usage.input_tokens + score.spent.usage.output_tokens
    return tokens, cost_usd


def _passed_over(_: object) -> None:
    """What is damaged runs again, and its cost with it."""
