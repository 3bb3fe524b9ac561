"""`evalperf tune-workers`: its screens and documents."""

from __future__ import annotations

import io
import json
from itertools import pairwise
from pathlib import Path

import msgspec
import pytest
from rich.console import Console
from typer.testing import CliRunner

from evalperf.cli.app import app
from evalperf.cli.tune_workers_curve import curve
from evalperf.cli.tune_workers_text import (
    asked_for,
    machine_document,
    machine_screen,
    measured_line,
    settings,
    tuned_document,
    tuned_screen,
)
from evalperf.tune import Tuned
from evalperf.tune_plan import TunePlan
from evalperf.tuning import Findings, Level, Machine, PaceTrial, fit_scalability_law, recommend

MACHINE = Machine(
    cpus=8,
    affinity_cpus=8,
    cgroup_cpus=1.5,
    physical_cores=4,
    memory_total_bytes=16 << 30,
    memory_available_bytes=12 << 30,
    cgroup_memory_bytes=2 << 30,
    cgroup_memory_free_bytes=1 << 30,
    nofile_soft=1024,
    nofile_hard=4096,
    cpu_pressure=0.73,
)


def level(workers: int, cases_per_s: float, **changes) -> Level:
    answered = round(10 * cases_per_s)
    usual = {"attempts": max(1, answered), "latencies_s": (workers / max(cases_per_s, 1),) * answered, "cpu_share": 0.3}
    return Level(workers=workers, answered=answered, seconds=10.0, **{**usual, **changes})


FINDINGS = Findings(
    workers=32,
    requests_per_s=None,
    limited_by="server",
    levels=(level(1, 1.9), level(16, 20.4), level(32, 37.1, half_width_per_s=0.9), level(64, 37.6, refused=9)),
    paces=(),
    probes=6,
)
TUNED = Tuned(
    findings=FINDINGS,
    law=fit_scalability_law([(one.workers, one.cases_per_s) for one in FINDINGS.levels]),
    requests=970,
    cost_usd=0.0123,
    kept=True,
    repeated=False,
    notices=(),
)
PLAN = TunePlan(
    max_workers=512,
    max_requests=22_725,
    max_cost_usd=None,
    expected_usd=3.4,
    price=None,
    is_free=False,
    why_unknown=None,
)


def printed(screen, width: int = 80) -> str:
    stream = io.StringIO()
    Console(file=stream, width=width, markup=False, highlight=False, emoji=False).print(screen)
    return stream.getvalue()


def test_the_screen_says_what_there_is_what_to_use_and_why() -> None:
    text = printed(machine_screen(MACHINE, recommend(MACHINE)))
    assert "CPUs     8, 8 allowed, quota 1.5, 2 physical cores usable" in text
    assert "memory   2.0 GiB (the cgroup's limit), 1.0 GiB free" in text
    assert "Endpoint work (waiting for a server): 64 workers, limited by cpu" in text
    assert '"concurrency": {"workers": 64}' in text
    assert "73% of the time something waits for a CPU" in text


def test_the_screens_fit_80_columns() -> None:
    for screen in (machine_screen(MACHINE, recommend(MACHINE)), tuned_screen(MACHINE, TUNED)):
        assert max(len(line.rstrip()) for line in printed(screen, width=80).splitlines()) <= 80


def test_a_lifted_minimum_is_explained() -> None:
    workers = recommend(MACHINE, min_workers=100)
    assert "min_workers asks for 100" in printed(machine_screen(MACHINE, workers))


def test_the_screen_after_measuring_has_curve_table_sentence_and_cost() -> None:
    text = printed(tuned_screen(MACHINE, TUNED), width=200)
    rows = [line for line in text.splitlines() if line.startswith("▸")]
    assert [row.split()[1:4] for row in rows] == [["32", "37.1", "0.9"]]
    assert "Set 32 workers: 37.1 ± 0.9 cases/s, p95 0.86 s. 16 bring 55%, 64 bring 101%." in text
    assert "It took 970 requests for $0.01; the answers are in the cache, a run begins with them." in text
    assert "Universal Scalability Law, fitted and not used" in text


def test_a_level_that_was_given_up_has_no_throughput() -> None:
    """Nothing was answered in its time: that is no throughput of 0."""
    given_up = level(128, 0.0, refused=12, attempts=12)
    tuned = msgspec.structs.replace(TUNED, findings=msgspec.structs.replace(FINDINGS, levels=(level(1, 2), given_up)))
    assert tuned_document(tuned)["probe"]["levels"][1]["cases_per_s"] is None
    assert curve(tuned.findings.levels, 1) == []
    assert "given up, 100.0% refused" in measured_line(given_up)


# the curve -----------------------------------------------------------------------------------------------------------


def test_the_curve_s_axis_doubles_from_tick_to_tick() -> None:
    lines = curve(FINDINGS.levels, 32)
    ticks = lines[-1].split()
    assert ticks == ["workers", "1", "2", "4", "8", "16", "32", "64"]
    places = [lines[-1].index(f" {tick}") for tick in ticks[1:]]
    steps = {late - early for early, late in pairwise(places)}
    assert max(steps) - min(steps) <= 1


def test_the_curve_marks_what_was_measured_and_points_at_the_answer() -> None:
    marks, ticks = curve(FINDINGS.levels, 32)[-2:]
    assert marks.count("•") == 3
    assert abs(marks.index("▲") - ticks.index("32")) <= 1


def test_the_curve_rises_to_its_highest_bar_where_throughput_is_highest() -> None:
    rows = curve(FINDINGS.levels, 32)
    assert rows[0].split()[0] == "37.6"
    assert rows[0].endswith("█")
    assert rows[0].count("█") < rows[5].count("█")


def test_without_block_characters_it_is_ascii() -> None:
    assert "".join(curve(FINDINGS.levels, 32, blocks=False)).isascii()


def test_one_level_is_no_curve() -> None:
    assert curve(FINDINGS.levels[:1], 1) == []


# documents and sentences ---------------------------------------------------------------------------------------------


def test_the_documents_are_whole() -> None:
    again = json.loads(json.dumps(machine_document(MACHINE, recommend(MACHINE)) | tuned_document(TUNED)))
    assert again["schema_version"] == 1
    assert again["endpoint"] == {"workers": 64, "limited_by": "cpu", "bounds": again["endpoint"]["bounds"]}
    assert again["probe"]["levels"][2]["cases_per_s"] == pytest.approx(37.1)
    assert again["probe"]["requests"] == 970
    assert again["config"] == {"concurrency": {"workers": 32}}


def test_a_pace_is_among_the_settings() -> None:
    paced = msgspec.structs.replace(FINDINGS, requests_per_s=9.87654)
    assert settings(paced)["concurrency"]["rate_limiting"] == {"requests_per_second": 9.877}


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({}, "up to 22,725 real cases (usually less than half), for up to $3.40."),
        ({"max_cost_usd": 0.5}, "for at most $0.50"),
        ({"is_free": True}, "at no cost."),
        ({"expected_usd": None, "why_unknown": "no price"}, "What they cost is not known: no price."),
    ],
)
def test_what_it_may_take_is_said_before(changes: dict, text: str) -> None:
    assert text in asked_for(msgspec.structs.replace(PLAN, **changes))


def test_a_pace_on_trial_is_told() -> None:
    trial = PaceTrial(rate_per_s=9.5, workers=20, granted=False, refused=2, sent=90, seconds=9.0, latency_mean_s=None)
    assert measured_line(trial) == "    9.5 requests/s: refused"


# the command ---------------------------------------------------------------------------------------------------------


def write(folder: Path, **sections) -> Path:
    (folder / "cases.jsonl").write_text('{"input": "What is 1 + 1?"}\n')
    provider = {"type": "openai", "model": "m", "endpoints": [{"url": "http://127.0.0.1:1/v1"}]}
    path = folder / "config.json"
    path.write_text(json.dumps({"cases": {"path": "cases.jsonl"}, "provider": provider, **sections}))
    return path


def test_json_prints_one_document() -> None:
    done = CliRunner().invoke(app, ["tune-workers", "--json", "--max-workers", "3"])
    document = json.loads(done.stdout)
    assert document["config"]["concurrency"]["workers"] == document["endpoint"]["workers"] <= 3
    assert done.stderr == ""


@pytest.mark.parametrize("option", ["--write", "--quick", "--budget=1", "--max-requests=5", "--max-latency=1"])
def test_options_of_measuring_need_a_configuration(option: str) -> None:
    done = CliRunner().invoke(app, ["tune-workers", option])
    assert done.exit_code == 2
    assert "name a configuration" in done.stderr


def test_without_a_terminal_much_needs_a_yes(tmp_path: Path) -> None:
    """Nothing is asked: the endpoint is not even there."""
    done = CliRunner().invoke(app, ["tune-workers", str(write(tmp_path))])
    assert done.exit_code == 2
    assert "This asks up to 22,725 real cases" in done.stderr
    assert "give --yes, or lower it" in done.stderr


def test_little_needs_no_yes(tmp_path: Path) -> None:
    done = CliRunner().invoke(app, ["tune-workers", str(write(tmp_path)), "--max-requests", "50"])
    assert "127.0.0.1:1" in done.stderr
    assert "--yes" not in done.stderr
