"""An endpoint measured with a configuration's own cases, over a real socket."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from evalperf import clock
from evalperf.config import load_config
from evalperf.errors import ConfigError, StoppedError
from evalperf.events import Bus
from evalperf.run import RunOptions, run
from evalperf.simulator import SimulatorOptions, serve
from evalperf.tune import Tuned, tune
from evalperf.tune_plan import TuneLimits, TunePlan, plan_tuning
from evalperf.tuning import PaceTrial, read_machine

FAST = SimulatorOptions(latency_s=0.003, latency_spread=0.0)
PRICES = {"input_usd_per_mtok": 1_000.0, "output_usd_per_mtok": 1_000.0}
"""A tenth of a cent for each token."""


def write(folder: Path, url: str, cases: int = 400, **sections: Any) -> Path:
    lines = [json.dumps({"id": str(n), "input": f"What is {n} + 1?", "target": str(n + 1)}) for n in range(cases)]
    (folder / "cases.jsonl").write_text("\n".join(lines))
    provider = {"type": "openai", "model": "small", "endpoints": [{"url": url}], **sections.pop("provider", {})}
    config = {"cases": {"path": "cases.jsonl"}, "provider": provider, "output": {"dir": "results"}, **sections}
    path = folder / "config.json"
    path.write_text(json.dumps(config))
    return path


async def tuned(config: Path, **limits: Any) -> Tuned:
    loaded = load_config(config, environ={})
    asked = TuneLimits(**{"max_workers": 4, "quick": True, **limits})
    plan = await plan_tuning(loaded, asked, read_machine())
    return await tune(loaded, plan, asked, cache_dir=config.parent / "cache", tell=lambda _: None)


async def planned(config: Path, **limits: Any) -> TunePlan:
    return await plan_tuning(load_config(config, environ={}), TuneLimits(**limits), read_machine())


@asynccontextmanager
async def endpoint(folder: Path, options: SimulatorOptions = FAST, **written: Any) -> AsyncIterator[Path]:
    async with serve(options) as url:
        yield write(folder, url, **written)


async def cached_in_a_run(config: Path) -> int:
    environ = {"XDG_CACHE_HOME": str(config.parent / "xdg"), "XDG_STATE_HOME": str(config.parent / "state")}
    (config.parent / "xdg").mkdir(exist_ok=True)
    link = config.parent / "xdg" / "evalperf"
    if not link.exists():
        link.symlink_to(config.parent / "cache")
    outcome = await run(load_config(config, environ={}), RunOptions(environ=environ), Bus())
    return int(outcome.report.document["cases"]["cached"])


async def test_a_run_begins_with_the_answers_that_measuring_has_bought(tmp_path: Path) -> None:
    async with endpoint(tmp_path) as config:
        found = await tuned(config)
        assert found.kept
        assert not found.repeated
        assert await cached_in_a_run(config) == found.requests


async def test_measuring_again_asks_first_what_the_cache_does_not_have(tmp_path: Path) -> None:
    async with endpoint(tmp_path) as config:
        first = await tuned(config, max_requests=40)
        second = await tuned(config, max_requests=40)
        assert await cached_in_a_run(config) == first.requests + second.requests == 80


async def test_few_cases_are_asked_over_and_over(tmp_path: Path) -> None:
    async with endpoint(tmp_path, cases=3) as config:
        found = await tuned(config)
        assert found.repeated
        assert found.requests > 3
        assert {1, 4} <= {level.workers for level in found.findings.levels}


async def test_the_levels_are_told_as_they_are_measured(tmp_path: Path) -> None:
    async with endpoint(tmp_path) as config:
        loaded, limits, told = load_config(config, environ={}), TuneLimits(max_workers=4, quick=True), []
        plan = await plan_tuning(loaded, limits, read_machine())
        await tune(loaded, plan, limits, cache_dir=None, tell=told.append)
        assert [one.workers for one in told[:2]] == [1, 4]
        assert not any(isinstance(one, PaceTrial) for one in told)


async def test_a_budget_in_dollars_is_kept(tmp_path: Path) -> None:
    """A call costs more than a cent here."""
    async with endpoint(tmp_path, provider={"prices": PRICES}) as config:
        found = await tuned(config, max_cost_usd=0.3)
        assert found.findings.limited_by == "budget"
        assert found.cost_usd is not None
        assert 0.1 < found.cost_usd <= 0.3


async def test_a_configured_pace_is_kept_and_named_as_the_limit(tmp_path: Path) -> None:
    """However slow the machine is, no more leave in a time than the pace and one burst allow."""
    pace = {"rate_limiting": {"requests_per_second": 50}}
    async with endpoint(tmp_path, concurrency=pace) as config:
        began_s = clock.now()
        found = await tuned(config)
        assert found.requests <= 50 * (clock.now() - began_s) + 5
        assert found.findings.limited_by == "rate_limit"


async def test_a_bound_on_calls_at_once_bounds_the_search(tmp_path: Path) -> None:
    config = write(tmp_path, "http://127.0.0.1:1/v1", concurrency={"resource_limits": {"max_concurrent_api_calls": 3}})
    assert (await planned(config)).max_workers == 3


async def test_the_plan_says_what_it_may_cost(tmp_path: Path) -> None:
    bounded = write(tmp_path, "http://127.0.0.1:1/v1", provider={"prices": PRICES, "params": {"max_tokens": 10}})
    plan = await planned(bounded, max_requests=100)
    assert plan.max_requests == 100
    assert plan.expected_usd == pytest.approx(100 * (4 + 10) / 1_000, rel=0.1)
    open_ended = write(tmp_path, "http://127.0.0.1:1/v1", provider={"prices": PRICES})
    plan = await planned(open_ended)
    assert plan.expected_usd is None
    assert "max_tokens" in str(plan.why_unknown)


async def test_an_unknown_price_is_neither_free_nor_within_a_budget(tmp_path: Path) -> None:
    config = write(tmp_path, "http://127.0.0.1:1/v1")
    plan = await planned(config)
    assert (plan.expected_usd, plan.is_free) == (None, False)
    with pytest.raises(ConfigError, match="what small costs is not known"):
        await planned(config, max_cost_usd=1.0)


async def test_recorded_answers_are_not_measured(tmp_path: Path) -> None:
    config = write(tmp_path, "http://127.0.0.1:1/v1")
    document = json.loads(config.read_text())
    config.write_text(json.dumps({**document, "provider": {"type": "replay"}}))
    with pytest.raises(ConfigError, match="nothing to measure"):
        await planned(config)


async def test_cases_from_stdin_are_not_measured_with(tmp_path: Path) -> None:
    config = write(tmp_path, "http://127.0.0.1:1/v1")
    document = json.loads(config.read_text())
    config.write_text(json.dumps({**document, "cases": {"path": "-"}}))
    with pytest.raises(ConfigError, match="stdin"):
        await planned(config)


async def test_a_refused_key_ends_it_at_once(tmp_path: Path) -> None:
    async with endpoint(tmp_path, SimulatorOptions(api_key="right")) as config:
        with pytest.raises(StoppedError, match="401"):
            await tuned(config)


async def test_an_endpoint_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"127\.0\.0\.1:1"):
        await tuned(write(tmp_path, "http://127.0.0.1:1/v1"))


async def test_an_endpoint_that_only_fails_is_named_with_its_reason(tmp_path: Path) -> None:
    async with endpoint(tmp_path, SimulatorOptions(latency_s=0.001, rate_500=1.0)) as config:
        with pytest.raises(StoppedError, match=r"answered none.*500"):
            await tuned(config)
