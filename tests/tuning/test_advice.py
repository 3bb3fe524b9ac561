"""The sentences about what was found."""

from __future__ import annotations

import pytest

from evalperf.tuning import Findings, Level, advice


def level(workers: int, cases_per_s: float) -> Level:
    answered = round(cases_per_s * 10)
    return Level(
        workers=workers,
        answered=answered,
        seconds=10.0,
        latencies_s=(workers / cases_per_s,) * answered,
        cpu_share=0.1,
        half_width_per_s=0.8,
        attempts=answered,
    )


def found(workers: int, *levels: Level, **changes) -> Findings:
    usual = {"requests_per_s": None, "limited_by": "server", "paces": (), "probes": len(levels)}
    return Findings(workers=workers, levels=levels, **{**usual, **changes})


def test_a_server_past_its_peak() -> None:
    text = advice(found(181, level(128, 26.6), level(181, 30.2), level(256, 22.0)))
    assert text == (
        "Set 181 workers: 30.2 ± 0.8 cases/s, p95 5.99 s. 128 bring 88%, 256 bring 73%. "
        "Limited by the server: it slows down beyond about 181."
    )


def test_a_flat_curve() -> None:
    text = advice(found(32, level(16, 16.0), level(32, 32.0), level(64, 32.3)))
    assert text.endswith("16 bring 50%, 64 bring 101%. Limited by the server: more workers only wait longer.")


def test_a_pace() -> None:
    text = advice(found(32, level(4, 2.0), requests_per_s=9.87, limited_by="rate_limit"))
    assert text.startswith("Set 32 workers and 9.87 requests/s. Limited by the rate limit")


@pytest.mark.parametrize("limit", ["client_cpu", "errors", "latency", "max_workers", "budget"])
def test_every_limit_has_its_sentence(limit: str) -> None:
    assert "Limited by" in advice(found(1, level(1, 1.0), limited_by=limit))
