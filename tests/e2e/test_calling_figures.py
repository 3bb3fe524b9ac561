"""What a run measures of its calls reaches its summary, and is called the last session's after a resume."""

from __future__ import annotations

import json
from pathlib import Path

QUICK = ("configs/quickstart.json", "-j", "16", "--set", "provider.latency_s=0.02")
REFUSING = ("--set", "provider.rate_429=0.2", "--set", "provider.retry_after_s=0.05")
FAILING = ("--set", "provider.rate_500=0.3", "--set", "retry.attempts=1", "--set", "circuit_breaker.failure_rate=1")
FAILING += ("--set", "circuit_breaker.failure_threshold=1000")


def test_every_call_of_a_run_is_accounted_for(house: Path, document, evalperf) -> None:
    """Refused calls were made again, and what calls and results tell fits together."""
    found = document("run", *QUICK, *REFUSING, "-n", "60")
    [endpoint] = found["endpoints"].values()
    session = endpoint["session"]
    assert endpoint["cases"] == 60
    assert session["ok"] == endpoint["ok"] == session["latency_s"]["n"]
    assert session["errors"]["rate_limited"] > 0
    assert session["calls"] == session["ok"] + sum(session["errors"].values()) == endpoint["attempts"]
    connections = found["connections"]
    assert 0 < connections["opened"] < connections["calls"]
    assert (found["cache"], found["judging"], found["batches"]) == (None, None, [])
    again = json.loads(evalperf("report", found["run"]["dir"], "--format", "json").stdout)
    assert again["endpoints"] == found["endpoints"]


def test_after_a_resume_the_figures_are_those_of_the_last_session(house: Path, document, evalperf) -> None:
    """The results are of both."""
    first = document("run", *QUICK, *FAILING, "-n", "40")
    run, failed = first["run"]["dir"], first["cases"]["failed"]
    assert failed > 0
    second = document("run", *QUICK, *REFUSING, "-n", "40", "--resume", run, "--retry-failed")
    [endpoint] = second["endpoints"].values()
    assert endpoint["cases"] == 40
    assert endpoint["session"]["ok"] == failed - second["cases"]["failed"] > 0
    assert "(last session)" in evalperf("report", run).stdout
