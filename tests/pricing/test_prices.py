"""What a call costs, and that the list of prices in the package can be trusted as far as it goes."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalperf.clock import utc_now
from evalperf.config.budget import PricesConfig
from evalperf.config.model import AnthropicProvider, OpenAIProvider, ReplayProvider, SimulatorProvider
from evalperf.pricing import Price, Rates, find_price
from evalperf.pricing.listed import Listed, Prices, read_lists
from evalperf.records import Usage

ENTRIES = [(prices, listed) for prices in read_lists() for listed in prices.prices]
MILLION = Usage(1_000_000, 1_000_000)


def openai(model: str, url: str = "https://api.openai.com/v1", **more: Any) -> OpenAIProvider:
    return OpenAIProvider.model_validate({"type": "openai", "model": model, "endpoints": [{"url": url}], **more})


def claude(model: str, **params: Any) -> AnthropicProvider:
    endpoints = [{"url": "https://api.anthropic.com/v1"}]
    return AnthropicProvider.model_validate(
        {"type": "anthropic", "model": model, "endpoints": endpoints, "params": params}
    )


def rates(section: Any) -> tuple[float, float] | None:
    price = find_price(section)
    return None if price is None else (price.rates.input, price.rates.output)


@pytest.mark.parametrize(("prices", "listed"), ENTRIES, ids=[listed.model for _, listed in ENTRIES])
def test_each_entry_is_sane(prices: Prices, listed: Listed) -> None:
    """Nothing is free, output is never cheaper than input but for embeddings, and longer prompts are dearer."""
    assert listed.input > 0
    if listed.model.startswith("text-embedding-"):
        assert listed.output == 0
    else:
        assert listed.input <= listed.output <= 1_000
    assert (listed.beyond is None) or (listed.up_to_input_tokens is not None)
    if listed.beyond is not None:
        assert listed.beyond.input > listed.input
        assert listed.beyond.output > listed.output


def test_no_model_is_listed_twice() -> None:
    names = [(prices.host, listed.model) for prices, listed in ENTRIES]
    assert len(names) == len(set(names))


def test_no_list_is_of_the_future_and_each_names_its_page() -> None:
    for prices in read_lists():
        assert date(2025, 1, 1) <= prices.as_of <= utc_now().date()
        assert prices.source.startswith("https://")


def test_the_documentation_names_the_day_and_the_page_of_each_list() -> None:
    documented = (Path(__file__).parents[2] / "docs" / "costs.md").read_text(encoding="utf-8")
    for prices in read_lists():
        assert prices.host in documented
        assert str(prices.as_of) in documented
        assert prices.source in documented


def test_the_configuration_wins_over_the_list() -> None:
    stated = PricesConfig(input_usd_per_mtok=7, output_usd_per_mtok=0)
    price = find_price(openai("gpt-4o", prices=stated))
    assert price == Price(rates=Rates(input=7, output=0), source="configuration")


def test_a_list_price_says_whose_and_of_when_it_is() -> None:
    price = find_price(openai("gpt-4.1"))
    assert price is not None
    assert price.cost_usd(MILLION) == pytest.approx(10.0)
    assert price.source == "api.openai.com, list price as of 2026-06-21"


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:8000/v1", "https://eu.api.openai.com/v1", "https://openrouter.ai/api"]
)
def test_the_list_does_not_hold_for_other_hosts(url: str) -> None:
    """A gateway charges what it likes, a server of one's own nothing; nobody knows here."""
    assert find_price(openai("gpt-4o", url)) is None


def test_endpoints_of_two_hosts_have_no_common_price() -> None:
    two = [{"url": "https://api.openai.com/v1"}, {"url": "http://127.0.0.1:8000/v1"}]
    section = OpenAIProvider.model_validate({"type": "openai", "model": "gpt-4o", "endpoints": two})
    assert find_price(section) is None


@pytest.mark.parametrize("section", [ReplayProvider(type="replay"), SimulatorProvider(type="simulator")])
def test_what_is_not_listed_has_no_price(section: Any) -> None:
    assert find_price(section) is None


@pytest.mark.parametrize(
    ("model", "expected"),
    [
        ("gpt-4o-2024-11-20", (2.5, 10)),
        ("gpt-4o-2024-05-13", (5, 15)),  # a version that is listed itself
        ("gpt-4o-mini-2024-07-18", (0.15, 0.6)),
        ("gpt-4o-transcribe", None),
        ("gpt-4.1-turbo", None),
        ("gpt-4o-2024-99-99", None),
        ("gpt-4o-1234", None),
    ],
)
def test_a_date_behind_the_name_makes_no_other_model(model: str, expected: tuple[float, float] | None) -> None:
    assert rates(openai(model)) == expected


@pytest.mark.parametrize(
    ("model", "expected"),
    [
        ("claude-opus-4-1-20250805", (15, 75)),
        ("claude-opus-4-5", (5, 25)),
        ("claude-opus-4-9", None),
        ("claude-opus-5-5", (4, 20)),
        ("claude-sonnet-5", (2, 10)),
    ],
)
def test_a_version_number_behind_the_name_is_another_model(model: str, expected: tuple[float, float] | None) -> None:
    """claude-opus-4-5 costs a third of claude-opus-4-1, and nobody knows about claude-opus-4-9."""
    assert rates(claude(model)) == expected


@pytest.mark.parametrize(
    ("params", "known"),
    [
        ({}, True),
        ({"service_tier": "auto"}, True),
        ({"service_tier": "flex"}, False),
        ({"service_tier": "priority"}, False),
    ],
)
def test_the_list_holds_for_the_standard_tariff(params: dict[str, Any], known: bool) -> None:
    assert (find_price(openai("gpt-4o", params=params)) is not None) is known


def test_another_region_is_another_tariff() -> None:
    assert find_price(claude("claude-opus-5", inference_geo="us")) is None


def test_a_long_prompt_costs_the_rates_of_long_prompts() -> None:
    price = find_price(claude("claude-haiku-5-5"))
    assert price is not None
    assert price.cost_usd(Usage(100_000, 1_000_000)) == pytest.approx(0.01 + 0.5)
    assert price.cost_usd(Usage(100_001, 1_000_000)) == pytest.approx(0.0500005 + 2.5)


def test_the_cost_of_a_prompt_longer_than_the_list_goes_is_not_known() -> None:
    price = find_price(openai("gpt-5.4"))
    assert price is not None
    assert price.cost_usd(Usage(272_000, 0)) == pytest.approx(0.68)
    assert price.cost_usd(Usage(272_001, 0)) is None


def test_no_usage_is_no_cost_and_not_zero() -> None:
    price = find_price(openai("gpt-4o"))
    assert price is not None
    assert price.cost_usd(None) is None


@given(st.integers(0, 10**7), st.integers(0, 10**7), st.integers(0, 10**7))
def test_cost_is_linear_and_grows_with_each_token(input_tokens: int, output_tokens: int, more: int) -> None:
    price = Price(rates=Rates(input=2.0, output=8.0), source="test")
    cost_usd = price.call_usd(input_tokens, output_tokens)
    assert cost_usd == pytest.approx(input_tokens * 2e-6 + output_tokens * 8e-6)
    assert price.call_usd(input_tokens + more, output_tokens) >= cost_usd  # type: ignore[operator]
