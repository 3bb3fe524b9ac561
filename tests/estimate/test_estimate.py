"""Whole estimates: what is asked, what it costs, how long it takes, and what is admitted not to be known."""

from __future__ import annotations

import asyncio
import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest

from evalperf import clock
from evalperf.cache import Provenance, open_cache
from evalperf.cases import build_prompt, survey
from evalperf.config.load import LoadedConfig, load_config
from evalperf.config.scorers import ScorerConfig
from evalperf.estimate import Estimate, Range, estimate
from evalperf.estimate.scoring import scoring_estimate
from evalperf.pipeline.response_keys import ResponseKeys
from evalperf.records import Completion, Request, Spent, Usage
from evalperf.tuning import WarmStart, save_warm_start

URL = "http://127.0.0.1:9/v1"
PRICES = {"input_usd_per_mtok": 1.0, "output_usd_per_mtok": 10.0}


def loaded(folder: Path, count: int = 100, **more: Any) -> LoadedConfig:
    """`count` cases of 400 bytes each."""
    lines = [json.dumps({"id": f"c{n}", "input": f"{n:04d}" + "x" * 396}) for n in range(count)]
    (folder / "cases.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")
    config = {"cases": {"path": "cases.jsonl"}, "provider": provider(), "scorers": ["exact"], **more}
    (folder / "x.json").write_text(json.dumps(config), encoding="utf-8")
    return load_config(folder / "x.json")


def provider(**more: Any) -> dict[str, Any]:
    return {"type": "openai", "model": "m", "endpoints": [{"url": URL}], "params": {"temperature": 0}, **more}


def estimated(of: LoadedConfig, *, cache_dir: Path | None = None, size: int = 1000) -> Estimate:
    async def work() -> Estimate:
        inputs = await survey(of.config.cases, of.base_dir)
        return await estimate(of, inputs, cache_dir=cache_dir, state_dir=of.base_dir / "state", size=size)

    return asyncio.run(work())


def told(found: Estimate, words: str) -> bool:
    return any(words in note for note in found.notes)


def test_requests_and_tokens_of_a_whole_input(tmp_path: Path) -> None:
    found = estimated(loaded(tmp_path))
    assert found.requests == Range(100, 100, 100)
    assert found.input_tokens == Range(100 * 80, 100 * (100 + 4), 100 * (200 + 10))


def test_without_a_bound_on_answers_nothing_is_known_of_their_length(tmp_path: Path) -> None:
    found = estimated(loaded(tmp_path, provider=provider(prices=PRICES)))
    assert found.output_tokens == Range(0, None, None)
    assert found.cost_usd == Range(pytest.approx(0.008), None, None)


def test_max_tokens_bounds_the_cost(tmp_path: Path) -> None:
    found = estimated(loaded(tmp_path, provider=provider(prices=PRICES, params={"max_tokens": 50, "n": 2})))
    assert found.output_tokens == Range(0, None, 100 * 50 * 2)
    assert found.cost_usd == Range(pytest.approx(0.008), None, pytest.approx(0.021 + 0.1))


@pytest.mark.parametrize("section", ["precedents", "semantic"])
def test_embeddings_beside_the_scoring_leave_the_upper_end_open(tmp_path: Path, section: str) -> None:
    embedder = {"embedder": {"type": "openai", "model": "e", "endpoints": [{"url": URL}]}}
    precedents = {"from": "file", "path": "earlier.jsonl", **embedder}
    more = {"precedents": precedents} if section == "precedents" else {"cache": {"semantic": embedder}}
    found = estimated(loaded(tmp_path, provider=provider(prices=PRICES, params={"max_tokens": 50}), **more))
    assert (found.cost_usd, found.input_tokens) == (Range(pytest.approx(0.008), None, None), Range(8000, None, None))
    assert told(found, "embeddings for the semantic cache and for precedents")


def test_an_unknown_price_is_an_unknown_cost_and_not_zero(tmp_path: Path) -> None:
    found = estimated(loaded(tmp_path))
    assert (found.cost_usd, found.price) == (None, None)
    assert told(found, "the cost is unknown")


def test_recorded_answers_cost_nothing(tmp_path: Path) -> None:
    found = estimated(loaded(tmp_path, provider={"type": "replay"}))
    assert found.requests == found.input_tokens == found.cost_usd == Range(0, 0, 0)


def test_epochs_multiply_what_is_asked_and_scored(tmp_path: Path) -> None:
    found = estimated(loaded(tmp_path, cases={"path": "cases.jsonl", "epochs": 3}))
    assert (found.answers, found.requests.expected) == (300, 300)


def test_a_sample_gives_a_range_around_the_truth(tmp_path: Path) -> None:
    lines = [json.dumps({"id": f"c{n}", "input": "x" * (50 + n % 500)}) for n in range(2000)]
    of = loaded(tmp_path, 1)
    (tmp_path / "cases.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")
    found = estimated(of, size=100)
    whole = estimated(of, size=2000)
    assert (found.cases, found.sampled, whole.sampled) == (2000, 100, 2000)
    assert whole.input_tokens.expected is not None
    assert found.input_tokens.low < whole.input_tokens.low <= whole.input_tokens.expected
    assert found.input_tokens.high > whole.input_tokens.high  # type: ignore[operator]


def test_answers_that_the_cache_has_are_not_asked_for(tmp_path: Path) -> None:
    """And looking makes no cache where there is none."""
    of, folder = loaded(tmp_path), tmp_path / "caches"
    assert estimated(of, cache_dir=folder).requests.expected == 100
    assert not folder.exists()
    asyncio.run(fill(of, folder, 40))
    found = estimated(of, cache_dir=folder)
    assert found.requests == Range(60, 60, 60)
    assert told(found, "40 of 100 sampled requests")
    assert estimated(of, cache_dir=None).requests.expected == 100


async def fill(of: LoadedConfig, folder: Path, count: int) -> None:
    """Keeps answers to the first cases, as a run would."""
    keys, prompt = ResponseKeys(of.config.provider, of.config.cache), build_prompt(of.config.prompt, of.base_dir)
    from evalperf.cases import read_batches

    folder.mkdir()
    async with open_cache(of.config.cache.responses, "responses", folder) as cache:
        async for batch in read_batches(of.config.cases, of.base_dir, max_cases=1000, max_bytes=1 << 20):
            for case in batch[:count]:
                key = keys(Request(case=case, messages=prompt.render(case)))
                assert key is not None
                await cache.set(key, msgspec.json.encode(Completion(text="4")), Provenance())


@pytest.mark.parametrize(
    ("limits", "expected_s"),
    [
        ({"requests_per_second": 5}, 20),
        ({"requests_per_minute": 60}, 100),
        ({"tokens_per_minute": 6000}, None),
    ],
)
def test_a_limit_bounds_the_time_from_below(tmp_path: Path, limits: dict[str, Any], expected_s: float | None) -> None:
    found = estimated(loaded(tmp_path, concurrency={"rate_limiting": limits}))
    assert found.time_s is not None
    assert (found.time_s.expected, found.time_s.high) == (expected_s, None)
    assert told(found, next(iter(limits)))


def test_without_limits_the_time_is_unknown(tmp_path: Path) -> None:
    assert estimated(loaded(tmp_path)).time_s is None


def test_the_pace_that_an_earlier_run_has_found_counts(tmp_path: Path) -> None:
    known = WarmStart(workers=8, requests_per_s=4.0, limited_by="rate_limit", measured_at=clock.utc_now())
    save_warm_start(tmp_path / "state", {(URL, "m"): known}, warn=pytest.fail)
    found = estimated(loaded(tmp_path))
    assert found.time_s == Range(25, 25, None)
    old = msgspec.structs.replace(known, measured_at=clock.utc_now() - timedelta(days=8))
    save_warm_start(tmp_path / "state", {(URL, "m"): old}, warn=pytest.fail)
    assert estimated(loaded(tmp_path)).time_s is None


@pytest.mark.parametrize(
    ("budget", "verdict"),
    [
        ({}, None),
        ({"max_tokens": 1_000_000}, "yes"),
        ({"max_tokens": 8_500}, "maybe"),
        ({"max_tokens": 7_000}, "no"),
        ({"max_tokens": 1_000_000, "max_cost_usd": 0.001}, "no"),
        ({"max_tokens": 1_000_000, "deadline_s": 60}, "maybe"),
    ],
)
def test_whether_the_budget_will_do(tmp_path: Path, budget: dict[str, Any], verdict: str | None) -> None:
    section = provider(prices=PRICES, params={"max_tokens": 10})
    assert estimated(loaded(tmp_path, provider=section, budget=budget)).budget_enough == verdict


def test_prompts_beyond_the_list_have_no_upper_cost(tmp_path: Path) -> None:
    section = provider(params={"max_tokens": 5}) | {
        "model": "gpt-5.4",
        "endpoints": [{"url": "https://api.openai.com/v1"}],
    }
    assert estimated(loaded(tmp_path, provider=section)).cost_usd.high is not None  # type: ignore[union-attr]
    of = loaded(tmp_path, provider=section)
    (tmp_path / "cases.jsonl").write_text(json.dumps({"input": "x" * 1_000_000}) + "\n", encoding="utf-8")
    assert estimated(of).cost_usd.high is None  # type: ignore[union-attr]


def scorer(**options: Any) -> ScorerConfig:
    from pydantic import TypeAdapter

    return TypeAdapter(ScorerConfig).validate_python(options)


RUBRIC = {"type": "pass_fail", "criterion": "right"}
PAIR = {"type": "pairwise"}


@pytest.mark.parametrize(
    ("options", "per_answer"),
    [
        ({"type": "judge", "rubric": RUBRIC, "repairs": 0}, Range(1, 1, 1)),
        ({"type": "judge", "rubric": RUBRIC, "votes": 3}, Range(3, 3, 6)),
        ({"type": "judge", "rubric": PAIR, "repairs": 0}, Range(2, 2, 2)),
        ({"type": "judge", "rubric": RUBRIC, "first": "exact"}, Range(0, None, 2)),
        (
            {"type": "judge", "rubric": RUBRIC, "repairs": 0, "larger": {"provider": provider(), "uncertain": [0, 1]}},
            Range(1, None, 2),
        ),
        (
            {"type": "dimensions", "dimensions": [{"name": "a", "description": "b"}] * 1, "repairs": 0},
            Range(1, 1, 1),
        ),
    ],
)
def test_the_calls_of_judges_are_known_from_the_configuration(options: dict[str, Any], per_answer: Range) -> None:
    found = scoring_estimate(scorer(provider=provider(params={"temperature": 1}), **options), 10, [])
    assert found is not None
    assert found.requests == per_answer.scaled(10)
    assert (found.input_tokens.high, found.cost_usd, found.known_from) == (None, None, "configuration")


def test_judges_inside_other_scorers_are_found() -> None:
    inner = {"type": "judge", "provider": provider(), "rubric": RUBRIC, "repairs": 0}
    found = scoring_estimate(scorer(type="all", scorers=["exact", inner, {**inner, "name": "b"}]), 10, [])
    assert found is not None
    assert found.requests == Range(20, 20, 20)


def test_scorers_that_ask_nobody_have_no_estimate() -> None:
    assert scoring_estimate(scorer(type="exact"), 10, []) is None


def test_what_scoring_has_cost_before_is_what_it_is_expected_to_cost() -> None:
    spent = [Spent(calls=2, usage=Usage(100, 10), cost_usd=0.5)] * 3
    judge = scorer(type="judge", provider=provider(), rubric=RUBRIC)
    found = scoring_estimate(judge, 10, spent)
    assert found is not None
    assert (found.requests, found.input_tokens, found.cost_usd) == (
        Range(20, 20, 20),
        Range(1000, 1000, 1000),
        Range(5, 5, 5),
    )


def test_a_judge_of_unknown_cost_leaves_the_whole_cost_open(tmp_path: Path) -> None:
    judge = {"type": "judge", "provider": provider(), "rubric": RUBRIC}
    section = provider(prices=PRICES, params={"max_tokens": 10})
    found = estimated(loaded(tmp_path, provider=section, scorers=[judge]))
    assert found.cost_usd == Range(pytest.approx(0.008), None, None)
    assert told(found, "what scoring costs")
