"""What a valid endpoint and a valid provider over HTTP are."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from evalperf.config.model import AnthropicProvider, EndpointConfig, OpenAIProvider

ENDPOINTS = [{"url": "https://h/v1"}]


def endpoint(**fields: Any) -> EndpointConfig:
    return EndpointConfig.model_validate({"url": "https://h/v1", **fields})


def openai(**fields: Any) -> OpenAIProvider:
    return OpenAIProvider.model_validate({"type": "openai", "model": "m", "endpoints": ENDPOINTS, **fields})


def anthropic(**fields: Any) -> AnthropicProvider:
    return AnthropicProvider.model_validate({"type": "anthropic", "model": "m", "endpoints": ENDPOINTS, **fields})


@pytest.mark.parametrize(
    "fields",
    [
        {"weight": 0},
        {"weight": -1},
        {"weight": float("inf")},
        {"max_in_flight": 0},
        {"max_in_flight": 1.5},
        {"requests_per_minute": 0},
        {"tokens_per_minute": -5},
    ],
)
def test_an_impossible_limit_is_refused(fields: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        endpoint(**fields)


def test_limits_are_absent_unless_named() -> None:
    found = endpoint()
    assert (found.weight, found.max_in_flight, found.requests_per_minute, found.tokens_per_minute) == (
        1,
        None,
        None,
        None,
    )


@pytest.mark.parametrize(
    "url", ["http://169.254.169.254/latest", "http://[fd00:ec2::254]/", "https://metadata.google.internal/v1"]
)
def test_a_metadata_service_is_no_endpoint_and_no_proxy(url: str) -> None:
    with pytest.raises(ValidationError, match="hands out this machine's own credentials"):
        endpoint(url=url)
    with pytest.raises(ValidationError, match=r"own credentials|an HTTP proxy"):
        endpoint(proxy=url)


@pytest.mark.parametrize("proxy", ["socks5://h:1080", "https://h:3128", "h:3128"])
def test_only_proxies_that_speak_http_are_taken(proxy: str) -> None:
    with pytest.raises(ValidationError, match="expected the URL of an HTTP proxy"):
        endpoint(proxy=proxy)


def test_a_proxy_with_a_password_is_not_shown() -> None:
    assert "pass" not in repr(endpoint(proxy="http://me:pass@h:3128"))


def test_a_ca_file_that_would_have_no_effect_is_refused() -> None:
    with pytest.raises(ValidationError, match="no effect on an http:// address"):
        endpoint(url="http://h/v1", ca_file="ca.pem")
    with pytest.raises(ValidationError, match='no effect while "verify_tls" is false'):
        openai(verify_tls=False, endpoints=[{"url": "https://h/v1", "ca_file": "ca.pem"}])


@pytest.mark.parametrize(
    ("api", "taken", "free"),
    [("chat", "messages", "instructions"), ("completions", "prompt", "input"), ("responses", "input", "prompt")],
)
def test_parameters_are_not_what_the_cases_bring(api: str, taken: str, free: str) -> None:
    with pytest.raises(ValidationError, match=f"{taken} is set elsewhere"):
        openai(api=api, params={taken: "x"})
    assert openai(api=api, params={free: "x"}).params == {free: "x"}


def test_anthropic_always_gets_max_tokens() -> None:
    assert anthropic().params == {"max_tokens": 4096}
    assert anthropic(params={"max_tokens": 5, "top_k": 1}).params == {"max_tokens": 5, "top_k": 1}


@pytest.mark.parametrize("name", ["system", "messages", "model", "stream"])
def test_anthropics_parameters_are_not_what_the_cases_bring(name: str) -> None:
    with pytest.raises(ValidationError, match=f"{name} is set elsewhere"):
        anthropic(params={name: "x"})


def test_two_endpoints_of_one_name_are_refused() -> None:
    same = [{"url": "http://a", "name": "x"}, {"url": "http://b", "name": "x"}]
    with pytest.raises(ValidationError, match="the same name"):
        anthropic(endpoints=same)
