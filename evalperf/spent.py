"""The budget of a run: whether it can be kept, and what earlier sessions have spent of it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from msgspec import UNSET

from evalperf.config.embedders import LocalEmbedder
from evalperf.config.model import ReplayProvider, RunConfig
from evalperf.errors import ConfigError
from evalperf.pipeline.asking import AskedModels
from evalperf.pricing import find_price
from evalperf.records import Result, Spent, Usage
from evalperf.resilience import Budget, TokenEstimate
from evalperf.results import RunDirectory, read_embedding_calls, read_results

__all__ = ["charge_earlier_sessions", "check_prices", "open_budget"]


def open_budget(config: RunConfig) -> Budget | None:
    """The budget, with nothing spent yet; None where nothing is limited."""
    limits = config.budget
    if limits.max_cost_usd is None and limits.max_tokens is None:
        return None
    return Budget(max_tokens=limits.max_tokens, max_cost_usd=limits.max_cost_usd)


def check_prices(config: RunConfig, models: AskedModels) -> None:
    """Raises ConfigError where dollars are limited and what some calls cost is not known."""
    if config.budget.max_cost_usd is None:
        return
    for place, section in _bought(config, models):
        if find_price(section) is None:
            model = getattr(section, "model", None) or section.type
            raise ConfigError(
                f"budget.max_cost_usd is set, and the cost of {model} ({place}) is unknown",
                hint='give that section its prices: "prices": {"input_usd_per_mtok": …, "output_usd_per_mtok": …}',
            )


def charge_earlier_sessions(budget: Budget, directory: RunDirectory) -> list[str]:
    """Counts what earlier sessions have spent: the list of calls for embeddings, and the rows for everything else.

    Returns sentences about what of the list can't be read, and so is not counted; damaged rows recovery tells of.

    Blocks: all rows are read, in 6 µs each. Where an endpoint did not say what it used, tokens are estimated from the
    texts, as when the call left.
    """
    listed, uncounted = False, list[str]()
    for call in read_embedding_calls(directory, on_damage=uncounted.append):
        budget.charge(_total(call.usage), call.cost_usd or 0.0)
        listed = True
    estimate = TokenEstimate()
    for result in read_results(directory, on_damage=_passed_over):
        if result.cached is None:
            budget.charge(_tokens(result, estimate), result.cost_usd or 0.0)
        for score in result.scores.values():
            if isinstance(score.spent, Spent):
                budget.charge(*_scoring(score.spent, embeddings=not listed))
    return uncounted


def _bought(config: RunConfig, models: AskedModels) -> Iterator[tuple[str, Any]]:
    """The sections whose calls may cost something, each with its place: not recordings, and what is computed here."""
    sections = [("provider", config.provider)]
    if config.fallback is not None:
        sections.append(("fallback", config.fallback))
    sections += [("a scorer's provider", model.section) for model in models.models]
    embedders = [("a scorer's embedder", model.section) for model in models.embedders]
    if config.cache.semantic is not None:
        embedders.append(("cache.semantic.embedder", config.cache.semantic.embedder))
    if config.precedents is not None:
        embedders.append(("precedents.embedder", config.precedents.embedder))
    for place, section in (*sections, *embedders):
        if not isinstance(section, ReplayProvider | LocalEmbedder):
            yield place, section


def _scoring(spent: Spent, *, embeddings: bool) -> tuple[int, float]:
    """Tokens and dollars of the calls for a score, those for embeddings among them or not."""
    tokens, cost_usd = _total(spent.usage), spent.cost_usd or 0.0
    if not embeddings and spent.embedded_tokens is not UNSET:
        tokens -= spent.embedded_tokens
    if not embeddings and spent.embedded_usd is not UNSET:
        cost_usd -= spent.embedded_usd
    return max(0, tokens), max(0.0, cost_usd)


def _tokens(result: Result, estimate: TokenEstimate) -> int:
    if result.usage is not None or result.output is None:
        return _total(result.usage)
    return estimate.tokens(_size_bytes(result.input) + _size_bytes(result.output), 0)


def _size_bytes(text: Any) -> int:
    return 0 if text is None else len(str(text).encode("utf-8", "surrogatepass"))


def _total(usage: Usage | None) -> int:
    return 0 if usage is None else usage.input_tokens + usage.output_tokens


def _passed_over(_: object) -> None:
    """What is damaged runs again, and its cost with it."""
