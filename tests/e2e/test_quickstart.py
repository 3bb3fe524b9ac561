"""The two quick starts, and the same numbers from the files alone."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

PROCESS_FACTS = {"wall_s", "cpu_s", "peak_rss_bytes", "throughput", "limited_by"}


def test_the_quick_start_measures_retries_and_says_what_is_simulated(house: Path, evalperf) -> None:
    """The whole first run, as a user sees it."""
    shown = evalperf("run", "configs/quickstart.json", "--set", "provider.latency_s=0.02").stdout
    assert "380 cases" in shown
    assert "recovered" in shown
    assert "answer" in shown
    assert "simulated" in shown
    assert "slowest" in shown
    assert "evalperf report" in shown


def test_the_report_repeats_the_numbers_of_the_run(house: Path, document, evalperf) -> None:
    """Computed from the files alone; only what the process alone knows is carried over."""
    ran = document("run", "configs/quickstart.json", "--set", "provider.latency_s=0.01", "--limit", "120")
    again = json.loads(evalperf("report", ran["run"]["dir"], "--format", "json").stdout)
    assert again == ran
    Path(ran["run"]["dir"], "summary.json").unlink()
    bare = json.loads(evalperf("report", ran["run"]["dir"], "--format", "json").stdout)
    for section in ("scores", "failures", "latency_s", "queue_s", "usage", "retries", "slowest", "wrong"):
        assert bare[section] == ran[section]
    assert bare["wall_s"] is None


def test_large_solves_what_small_does_not(house: Path, document) -> None:
    """Scores are measured: the better solver scores better, neither is perfect."""
    means = [
        document("run", "configs/quickstart.json", "--model", model, "--set", "provider.latency_s=0", "-j", "16")[
            "scores"
        ]["answer"]["mean"]
        for model in ("small", "large")
    ]
    assert 0.3 < means[0] < means[1] - 0.2
    assert means[1] < 1


def test_recorded_answers_need_no_server(house: Path, document) -> None:
    ran = document("run", "configs/recorded.json")
    assert ran["status"] == "complete"
    assert ran["cases"]["ok"] == ran["cases"]["total"] == 380


def test_each_case_has_one_line_in_ordinary_gzip(house: Path, document) -> None:
    """Readable by anything that reads gzip and JSON lines."""
    ran = document("run", "configs/recorded.json")
    lines = []
    for part in sorted(Path(ran["run"]["dir"], "results").glob("part-*.jsonl.gz")):
        with gzip.open(part, "rt", encoding="utf-8") as file:
            lines += [json.loads(line) for line in file]
    assert sorted(line["seq"] for line in lines) == list(range(1, 381))
    assert all(set(line["scores"]) == {"answer", "form"} for line in lines)


def test_a_gate_that_does_not_hold_exits_with_1(house: Path, document) -> None:
    ran = document("run", "configs/recorded.json", "--set", 'gates=[{"metric": "answer.mean", "min": 0.999}]', code=1)
    assert [gate["held"] for gate in ran["gates"]] == [False]


def test_a_dry_run_writes_nothing(house: Path, evalperf) -> None:
    shown = evalperf("run", "configs/quickstart.json", "--dry-run").stdout
    assert "380" in shown
    assert not (house / "results").exists()
