"""`evalperf tune-workers` and its screens."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from pathlib import Path

import msgspec
from rich.console import Console

from evalperf.cli.tune_workers import machine_document, machine_screen, probe_document, probe_screen
from evalperf.tuning import Level, Machine, Recommendation, recommend

ROOT = Path(__file__).resolve().parents[2]
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
    usual = Level(
        workers=workers,
        cases_per_s=cases_per_s,
        latency_p50_s=0.5,
        latency_p95_s=1.25,
        error_share=0.0,
        share_429=0.0,
        cpu_share=0.3,
    )
    return msgspec.structs.replace(usual, **changes)


FOUND = Recommendation(
    workers=32,
    limited_by="server",
    why="32 workers bring 37.1 cases/s. The server is the limit: more workers only wait longer.",
    levels=(level(1, 1.9), level(64, 37.6, share_429=0.024, latency_p50_s=None), level(32, 37.1)),
)


def printed(screen, width: int = 80) -> str:
    stream = io.StringIO()
    Console(file=stream, width=width, markup=False, highlight=False, emoji=False).print(screen)
    return stream.getvalue()


def test_the_screen_says_what_there_is_what_to_use_and_why():
    text = printed(machine_screen(MACHINE, recommend(MACHINE)))
    assert "CPUs     8, 8 allowed, quota 1.5, 2 physical cores usable" in text
    assert "memory   2.0 GiB (the cgroup's limit), 1.0 GiB free" in text
    assert "Endpoint work (waiting for a server): 64 workers, limited by cpu" in text
    assert '"concurrency": {"workers": 64}' in text
    assert "73% of the time something waits for a CPU" in text


def test_the_screens_fit_80_columns():
    for screen in (machine_screen(MACHINE, recommend(MACHINE)), probe_screen(MACHINE, FOUND)):
        assert max(map(len, printed(screen, width=120).rstrip().splitlines())) <= 120
        rows = [line.rstrip() for line in printed(screen, width=80).splitlines()]
        assert max(map(len, rows)) <= 80


def test_a_lifted_minimum_is_explained():
    workers = recommend(MACHINE, min_workers=100)
    assert "min_workers asks for 100" in printed(machine_screen(MACHINE, workers))


def test_the_probe_s_screen_marks_the_level_to_use():
    rows = printed(probe_screen(MACHINE, FOUND)).splitlines()
    marked = [row for row in rows if row.startswith("▸")]
    assert len(marked) == 1
    assert marked[0].split()[1] == "32"
    assert any("2.4%" in row and "—" in row for row in rows)


def test_the_documents_are_whole():
    document = machine_document(MACHINE, recommend(MACHINE)) | probe_document(FOUND)
    again = json.loads(json.dumps(document))
    assert again["schema_version"] == 1
    assert again["endpoint"] == {
        "workers": 64,
        "limited_by": "cpu",
        "bounds": again["endpoint"]["bounds"],
    }
    assert again["probe"]["levels"][1]["latency_p50_s"] is None
    assert again["config"] == {"concurrency": {"workers": 32}}


def test_json_prints_one_document():
    done = subprocess.run(
        [sys.executable, "-m", "evalperf", "tune-workers", "--json", "--max-workers", "3"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    document = json.loads(done.stdout)
    assert document["config"]["concurrency"]["workers"] == document["endpoint"]["workers"] <= 3
    assert done.stderr == ""


def test_the_table_is_printed_without_a_configuration():
    done = subprocess.run(
        [sys.executable, "-m", "evalperf", "tune-workers"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert "Endpoint work" in done.stdout
    assert done.stderr == ""
