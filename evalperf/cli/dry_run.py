"""`evalperf run --dry-run`: what a run would do, ask, cost and take; as text, or as one JSON document."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from evalperf.errors import ConfigError

if TYPE_CHECKING:
    from evalperf.config.load import LoadedConfig
    from evalperf.estimate import Estimate, Range
    from evalperf.plan import Plan

__all__ = ["dry_run"]

SCHEMA_VERSION = 1


def dry_run(loaded: LoadedConfig, *, cache: bool, resumes: bool, as_json: bool) -> str | bytes:
    """Reads the input and what earlier runs have left; asks nothing, and writes nothing."""
    from evalperf.config.load import cache_dir, state_dir
    from evalperf.plan import plan

    if resumes:
        raise ConfigError("--dry-run plans a whole run, and --resume goes on with one", hint="leave out one of them")
    facts, estimated = plan(loaded, cache_dir=cache_dir() if cache else None, state_dir=state_dir())
    return _document(facts, estimated) if as_json else _text(loaded, facts, estimated)


def _document(facts: Plan, estimated: Estimate) -> bytes:
    import msgspec

    document = {"schema_version": SCHEMA_VERSION, "plan": facts, "estimate": estimated}
    return msgspec.json.format(msgspec.json.encode(document), indent=2)


def _text(loaded: LoadedConfig, facts: Plan, estimated: Estimate) -> str:
    head = f"{loaded.path} would run as below; nothing was asked, and nothing written\n"
    rows = [*_planned(facts), *_estimated(estimated)]
    return head + "\n".join(f"  {name:<20} {line}" for name, value in rows for line in value.splitlines() or ["none"])


def _planned(facts: Plan) -> Iterator[tuple[str, str]]:
    yield "cases", f"{facts.cases:,}" + ("" if facts.epochs == 1 else f", each asked {facts.epochs:,} times")
    yield "provider", facts.provider
    yield "model", facts.model or "not named"
    yield "endpoints", "\n".join(facts.endpoints)
    yield "scorers", "\n".join(facts.scorers)
    yield "workers", f"{facts.workers:,}"
    yield "inputs", "\n".join(facts.inputs)
    yield "output dir", facts.output_dir
    yield "first prompt", facts.first_prompt


def _estimated(one: Estimate) -> Iterator[tuple[str, str]]:
    yield "sample", f"{one.sampled:,} of {one.cases:,} cases; ranges hold with 95 %"
    yield "requests", _shown(one.requests, _count)
    for scorer in one.scoring:
        yield f"  for {scorer.scorer}", f"{_shown(scorer.requests, _count)} ({scorer.known_from})"
    yield "input tokens", _shown(one.input_tokens, _count)
    yield "output tokens", _shown(one.output_tokens, _count)
    yield "cost", "unknown" if one.cost_usd is None else _shown(one.cost_usd, _dollars)
    yield "price", one.price or "unknown"
    yield "time", "unknown" if one.time_s is None else _shown(one.time_s, _duration)
    if one.budget_enough is not None:
        yield "budget", {"yes": "will do", "no": "will not do", "maybe": "may or may not do"}[one.budget_enough]
    yield "notes", "\n".join(one.notes)


def _shown(found: Range, written: Callable[[float], str]) -> str:
    low, expected, high = found.low, found.expected, found.high
    if high is not None and low == high:
        return written(high)
    if expected is None:
        return f"at least {written(low)}" if high is None else f"{written(low)} to {written(high)}"
    return f"{written(expected)} (" + (
        f"at least {written(low)})" if high is None else f"{written(low)} to {written(high)})"
    )


def _count(value: float) -> str:
    return f"{value:,.0f}"


def _dollars(value: float) -> str:
    return f"${value:,.2f}" if value >= 10 or value == 0 else f"${value:.4f}"


def _duration(seconds: float) -> str:
    if seconds < 120:
        return f"{seconds:.3g} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 120 else f"{minutes // 60} h {minutes % 60} min"
