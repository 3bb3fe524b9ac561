"""What lets others read along is said, for every endpoint wherever it stands."""

from __future__ import annotations

from typing import Any

import pytest

from evalperf.config.exposures import exposures
from evalperf.config.model import RunConfig

KEY = {"api_key": "sk-0123456789"}


def found(provider: dict[str, Any], **others: Any) -> list[str]:
    provider = {"type": "openai", "model": "m", **provider}
    return exposures(RunConfig.model_validate({"cases": {"path": "x.jsonl"}, "provider": provider, **others}))


def endpoint(url: str, **changes: Any) -> dict[str, Any]:
    return {"endpoints": [{"url": url, **changes}]}


@pytest.mark.parametrize(
    "provider",
    [
        endpoint("https://models.example.org/v1", **KEY),
        endpoint("http://models.example.org/v1"),
        endpoint("http://127.0.0.1:8000/v1", **KEY),
        endpoint("http://localhost:8000/v1", **KEY),
        {**endpoint("https://[::1]:8000/v1", **KEY), "verify_tls": False},
    ],
)
def test_what_nobody_can_read_is_not_spoken_of(provider: dict[str, Any]) -> None:
    assert found(provider) == []


@pytest.mark.parametrize(
    "provider",
    [
        endpoint("http://models.example.org/v1", **KEY),
        endpoint("http://models.example.org/v1", headers={"X-Token": "abc"}),
        endpoint("http://me:secret@models.example.org/v1"),
    ],
)
def test_a_key_in_the_clear_is_named_without_itself(provider: dict[str, Any]) -> None:
    (said,) = found(provider)
    assert said.startswith("the key of models.example.org goes over http://")


def test_a_certificate_that_nobody_checks_is_named() -> None:
    (said,) = found({**endpoint("https://models.example.org/v1", **KEY), "verify_tls": False})
    assert said.startswith("nobody checks the certificate of models.example.org")


def test_endpoints_of_judges_and_fallbacks_count() -> None:
    bare = {"type": "openai", "model": "m", **endpoint("http://judge.example.org/v1", **KEY)}
    assert len(found(endpoint("https://models.example.org/v1"), fallback=bare)) == 1
