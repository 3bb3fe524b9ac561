"""Limits refuse what is over them, and each dialect tells it so that the project's own reader understands."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from evalperf.clock import utc_now
from evalperf.providers.refusals import retry_after_s
from evalperf.resilience import stated_limits
from evalperf.simulator import LimitOptions
from evalperf.simulator.dialects import duration_text, limit_headers
from evalperf.simulator.limits import Limits, Standing, Verdict

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
OVER = Verdict("requests", 0.25, {"requests": Standing(3_000, 2_950, 1.0)})
WITHIN = Verdict(None, 0.0, {"requests": Standing(3_000, 2_999, 0.02)})


def test_the_burst_passes_and_the_next_one_waits_for_its_token():
    limits = Limits(LimitOptions(requests_per_s=50, burst=2))
    verdicts = [limits.ask(10, 0.0) for _ in range(3)]
    assert [verdict.over for verdict in verdicts] == [None, None, "requests"]
    assert verdicts[2].wait_s == pytest.approx(0.02)


def test_a_refused_request_charges_no_bucket():
    limits = Limits(LimitOptions(requests_per_s=1, burst=5, tokens_per_minute=60))
    assert limits.ask(50, 0.0).over is None
    refused = limits.ask(50, 0.0)
    assert refused.over == "tokens"
    assert refused.wait_s == pytest.approx(40)
    assert refused.standings["requests"].full_in_s == pytest.approx(1)


def test_what_remains_is_the_minute_s_limit_less_what_is_missing_in_the_bucket():
    limits = Limits(LimitOptions(requests_per_s=50, burst=50))
    for _ in range(10):
        verdict = limits.ask(1, 0.0)
    assert verdict.standings["requests"] == Standing(3_000, 2_990, pytest.approx(0.2))


@pytest.mark.parametrize("dialect", ["openai", "anthropic"])
def test_the_reader_of_headers_finds_the_limit(dialect):
    stated = stated_limits(limit_headers(dialect, WITHIN, utc_now()))["requests"]
    assert (stated.limit, stated.remaining) == (3_000, 2_999)
    assert stated.reset_s == pytest.approx(0.02, abs=1)  # Anthropic's are whole seconds


@pytest.mark.parametrize("dialect", ["azure", "retry-after", "none"])
def test_other_dialects_state_no_limit(dialect):
    assert stated_limits(limit_headers(dialect, WITHIN, NOON)) == {}


@pytest.mark.parametrize(
    ("dialect", "wait_s"), [("openai", 0.25), ("azure", 0.25), ("anthropic", 1), ("retry-after", 1), ("none", None)]
)
def test_the_wait_is_read_as_it_is_meant(dialect, wait_s):
    assert retry_after_s(limit_headers(dialect, OVER, NOON), limited=True) == wait_s


@pytest.mark.parametrize("dialect", ["openai", "azure", "anthropic", "retry-after", "none"])
def test_nobody_is_told_to_wait_whose_request_passes(dialect):
    assert not {name for name in limit_headers(dialect, WITHIN, NOON) if name.startswith("retry-after")}


def test_azure_states_limits_that_say_nothing():
    headers = limit_headers("azure", OVER, NOON)
    assert headers["x-ratelimit-limit-requests"] == headers["x-ratelimit-remaining-requests"] == "-1"
    assert headers["x-ratelimit-reset-requests"] == "0"
    assert headers["retry-after-ms"] == "250"


def test_anthropic_states_moments_and_input_tokens():
    headers = limit_headers("anthropic", Verdict(None, 0.0, {"tokens": Standing(600, 580, 1.5)}), NOON)
    assert headers["anthropic-ratelimit-tokens-reset"] == "2026-11-20T12:00:02Z"
    assert headers["anthropic-ratelimit-input-tokens-limit"] == "600"


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0ms"), (0.012, "12ms"), (8.64, "8.64s"), (90, "1m30s"), (360, "6m0s"), (3723, "1h2m3s"), (59.9999, "1m0s")],
)
def test_durations_are_written_as_openai_writes_them(seconds, text):
    assert duration_text(seconds) == text
