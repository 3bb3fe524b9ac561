"""Addresses, headers and names of endpoints."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from evalperf.config.model import EndpointConfig
from evalperf.errors import ConfigError
from evalperf.providers.endpoint import HttpEndpoint, http_endpoints


def endpoint(url: str = "http://h/v1", **fields: Any) -> HttpEndpoint:
    return HttpEndpoint(EndpointConfig(url=url, **fields), "e")


@pytest.mark.parametrize(
    ("url", "address"),
    [
        ("http://h:8000/v1", "http://h:8000/v1/models"),
        ("http://h", "http://h/models"),
        ("http://h/openai/?api-version=2", "http://h/openai/models?api-version=2"),
        ("http://[::1]:9/v1", "http://[::1]:9/v1/models"),
        ("https://me:secret@h/v1", "https://h/v1/models"),
    ],
)
def test_an_address_is_the_base_and_a_path(url: str, address: str) -> None:
    assert endpoint(url).address("/models") == address


def test_a_password_in_the_url_goes_into_a_header_and_nowhere_else() -> None:
    found = endpoint("http://me:pass%20word@h/v1")
    assert found.headers["Authorization"] == "Basic " + base64.b64encode(b"me:pass word").decode()
    assert "pass%20word" in found.secrets


def test_what_urls_hold_is_secret_in_every_form_that_is_sent() -> None:
    """Of the endpoint and of its proxy: parameters, passwords, and the headers that these become."""
    found = endpoint(
        "http://me:pass%20word@h/v1?sig=signature-1&api-version=2024-02-01", proxy="http://p:word-two@q:3128"
    )
    forms = {"signature-1", "pass word", "pass%20word", "word-two"}
    basic = {"Basic " + base64.b64encode(pair).decode() for pair in (b"me:pass word", b"p:word-two")}
    assert forms | basic <= set(found.secrets)
    assert {one.removeprefix("Basic ") for one in basic} <= set(found.credentials)
    assert "2024-02-01" not in found.secrets


@pytest.mark.parametrize("url", ["http://", "http://:80/v1", "http://h:99999", "http://h:0", "http://[::1/v1"])
def test_a_url_without_a_usable_host_is_refused(url: str) -> None:
    with pytest.raises(ConfigError, match="no usable host"):
        endpoint(url)


@pytest.mark.parametrize(
    "fields",
    [{"api_key": "sk-key\n"}, {"api_key": "sk-ключ"}, {"headers": {"X-A": "b\r\nX-C: d"}}, {"headers": {"X A": "b"}}],
)
def test_a_header_that_can_not_be_sent_is_refused_without_showing_it(fields: dict[str, Any]) -> None:
    with pytest.raises(ConfigError) as caught:
        endpoint(**fields)
    assert "sk-" not in caught.value.message
    assert "X-C" not in caught.value.message


def test_words_that_stand_in_for_a_key_are_not_hidden_from_messages() -> None:
    assert endpoint(api_key="EMPTY").secrets == ()


def test_endpoints_without_a_name_are_called_after_their_host() -> None:
    urls = ["http://a:1/v1", "http://b/v1", "http://a:1/v2"]
    configs = [*(EndpointConfig(url=url) for url in urls), EndpointConfig(url="http://c", name="b")]
    assert [found.name for found in http_endpoints(configs)] == ["a:1", "b-2", "a:1-2", "b"]
