"""What measuring an endpoint may take, told before it begins."""

from __future__ import annotations

import math
from contextlib import aclosing

from msgspec import Struct

from evalperf.cases import Prompt, build_prompt, read_batches
from evalperf.config.load import LoadedConfig
from evalperf.config.model import RunConfig
from evalperf.errors import ConfigError, InputError
from evalperf.pipeline.caller import max_output_tokens
from evalperf.pricing import Price, find_price
from evalperf.records import Case
from evalperf.resilience import TokenEstimate
from evalperf.sizing import batch_bytes, batch_size, most_calls
from evalperf.tuning import Machine, most_requests, recommend

__all__ = ["TuneLimits", "TunePlan", "plan_tuning"]

FREE = frozenset({"simulator", "function", "command"})
"""Providers that nobody sends a bill for: bundled, or the user's own programs."""


class TuneLimits(Struct, frozen=True, kw_only=True):
    """What the user allows; None = no such limit."""

    max_workers: int | None = None
    """Else what the configuration and the machine allow."""
    max_latency_s: float | None = None
    """For the 95th percentile."""
    max_requests: int | None = None
    max_cost_usd: float | None = None
    """Of the answers bought; those on their way when it is reached come on top. Else the configuration's own budget."""
    max_seconds: float | None = None
    quick: bool = False
    """Half the time, and figures that are less exact."""


class TunePlan(Struct, frozen=True, kw_only=True):
    """The bounds that the measuring keeps."""

    max_workers: int
    max_requests: int
    max_cost_usd: float | None
    """The budget."""
    expected_usd: float | None
    """What `max_requests` would cost; None where that is not known."""
    price: Price | None
    is_free: bool
    why_unknown: str | None
    """Why the cost is not known."""


async def plan_tuning(loaded: LoadedConfig, limits: TuneLimits, machine: Machine) -> TunePlan:
    """Reads the first cases, asks nothing; raises ConfigError for what can't be measured, InputError for bad cases."""
    config = loaded.config
    _check_measurable(config)
    max_workers = _max_workers(config, limits, machine)
    bound = most_requests(max_workers)
    max_requests = bound if limits.max_requests is None else min(bound, limits.max_requests)
    price = find_price(config.provider)
    is_free = config.provider.type in FREE and price is None
    max_cost_usd = config.budget.max_cost_usd if limits.max_cost_usd is None else limits.max_cost_usd
    if max_cost_usd is not None and price is None and not is_free:
        raise ConfigError(
            f"a budget in dollars is set, and what {config.provider.model or config.provider.type} costs is not known",
            hint='give "provider" its "prices": {"input_usd_per_mtok": …, "output_usd_per_mtok": …}, or leave it out',
        )
    first, prompt = await _first_cases(loaded)
    each_usd, why_unknown = (0.0, None) if is_free else _each_usd(config, price, _bytes_per_case(prompt, first))
    expected_usd = None if each_usd is None else each_usd * max_requests
    return TunePlan(
        max_workers=max_workers,
        max_requests=max_requests,
        max_cost_usd=None if is_free else max_cost_usd,
        expected_usd=expected_usd,
        price=price,
        is_free=is_free,
        why_unknown=why_unknown,
    )


def _check_measurable(config: RunConfig) -> None:
    if config.provider.type == "replay":
        raise ConfigError("answers that are recorded wait for nobody: there is nothing to measure")
    paths = [config.cases.path] if isinstance(config.cases.path, str) else config.cases.path
    if "-" in paths:
        raise ConfigError("cases from stdin can't be read again", hint='name a file in "cases.path"')


def _max_workers(config: RunConfig, limits: TuneLimits, machine: Machine) -> int:
    """The machine's bounds but for the guess about its CPU, which is measured; the configuration's; the flag."""
    most = config.concurrency.max_workers if limits.max_workers is None else limits.max_workers
    bounds = recommend(machine, max_workers=most).endpoint_bounds
    return most_calls(config, min(bound.workers for bound in bounds if bound.name != "cpu"))


async def _first_cases(loaded: LoadedConfig) -> tuple[list[Case], Prompt]:
    config = loaded.config
    prompt = build_prompt(config.prompt, loaded.base_dir, fields=config.cases.fields)
    reading = read_batches(config.cases, loaded.base_dir, max_cases=batch_size(config), max_bytes=batch_bytes(config))
    async with aclosing(reading) as batches:
        async for batch in batches:
            prompt.check(batch)
            return batch, prompt
    raise InputError(str(config.cases.path), "no case to measure with")


def _bytes_per_case(prompt: Prompt, cases: list[Case]) -> int:
    sizes = [sum(len(str(message.get("content", "")).encode()) for message in prompt.render(case)) for case in cases]
    return math.ceil(sum(sizes) / len(sizes))


def _each_usd(config: RunConfig, price: Price | None, size_bytes: int) -> tuple[float | None, str | None]:
    """What one request costs at most, or why that can't be said."""
    if price is None:
        return None, "no price is known for the model"
    output_tokens = max_output_tokens(config.provider)
    if output_tokens is None:
        return None, "nothing bounds the length of its answers (max_tokens)"
    input_tokens = TokenEstimate().tokens(size_bytes, 0)
    answers: int = getattr(config.provider, "params", {}).get("n") or 1
    cost_usd = price.call_usd(input_tokens, answers * output_tokens)
    return cost_usd, None if cost_usd is not None else "no price is known for prompts of this length"
