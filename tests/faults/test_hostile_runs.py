"""Runs and caches that a stranger prepared: no traceback, no hang, no memory, nothing written elsewhere."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from tests.faults import hostile_caches, hostile_runs
from tests.faults.processes import counting_server, environment
from tests.faults.spoilt_runs import Hostile

MOST_S = 10.0
"""Of CPU; on a busy machine the clock may show more."""
MOST_MB = 300
MOST_CHARS = 3_000
"""Of what is said on stderr, however much there is to complain about."""
MOST_LEFT_OPEN = 8
"""Descriptors of a process that has run hundreds of commands; the event loop has a few."""
SHORT_EVERY = 10
"""In the short form so many are read by one command for each one that all commands try."""

ANSWERS = "import json, sys\nfor line in sys.stdin: print(json.dumps({'output': 'y'}), flush=True)\n"
FORMS = [
    pytest.param(False, marks=pytest.mark.timeout(300)),
    pytest.param(True, marks=[pytest.mark.slow, pytest.mark.timeout(900)]),
]


class Told(NamedTuple):
    """What the commands said of everything in a folder, one after the other."""

    folder: Path
    before: dict[str, bytes]
    """What is in the folder that nobody may touch."""
    commands: list[dict[str, Any]]


@pytest.fixture(scope="module", params=FORMS, ids=["short", "long"])
def runs(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Told:
    folder = tmp_path_factory.mktemp("runs")
    (folder / "answers.py").write_text(ANSWERS)
    _make_run(folder, {"type": "command", "argv": [sys.executable, "-SE", "answers.py"]})
    (genuine,) = (folder / "results").iterdir()
    found = hostile_runs.write_runs(folder / "hostile", genuine, long=request.param)
    assert len(found) >= 60
    asked = []
    for number, one in enumerate(found):
        of = _commands(hostile_runs.COMMANDS, number % 2, number, long=request.param)
        asked += [(one, command, _on_run(command, one.path), one.expected[at]) for at, command in of]
    return _tell(folder, folder / "hostile" / "outside", asked)


@pytest.fixture(scope="module", params=FORMS, ids=["short", "long"])
def caches(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Told:
    folder = tmp_path_factory.mktemp("caches")
    with counting_server(latency_s=0.001) as server:
        endpoints = [{"name": "sim", "url": server.url}]
        _make_run(folder, {"type": "openai", "model": "small", "endpoints": endpoints})
        found = hostile_caches.write_caches(folder / "hostile", folder / "cache" / "responses.sqlite")
        assert len(found) >= 60
        asked = []
        for number, one in enumerate(found):
            of = _commands(hostile_caches.COMMANDS, 0, number, long=request.param)
            asked += [(one, command, _on_cache(command, one.path), one.expected[at]) for at, command in of]
        return _tell(folder, folder / "hostile" / "outside", asked)


def _commands(commands: Sequence[str], short: int, number: int, *, long: bool) -> list[tuple[int, str]]:
    """With their places: all of them, or in the short form mostly only one, which reads."""
    numbered = list(enumerate(commands))
    return numbered if long or number % SHORT_EVERY == 0 else [numbered[short]]


def _make_run(folder: Path, provider: dict[str, Any]) -> None:
    cases = [{"id": f"c{number}", "input": f"question {number}", "target": "y"} for number in range(30)]
    (folder / "cases.jsonl").write_text("".join(json.dumps(case) + "\n" for case in cases))
    config = {
        "name": "hostile",
        "cases": {"path": "cases.jsonl"},
        "provider": provider,
        "concurrency": {"workers": 2},
        "cache": {"responses": {"path": "cache/responses.sqlite"}},
        "scorers": ["exact"],
    }
    (folder / "config.json").write_text(json.dumps(config))
    argv = [sys.executable, "-m", "evalperf", "run", "config.json", "--progress", "none", "--json"]
    subprocess.run(argv, cwd=folder, env=environment(folder), capture_output=True, check=True)


def _on_run(command: str, path: str) -> list[str]:
    quiet = ["--progress", "plain", "--json"]
    return {
        "report": ["report", path, "--format", "json"],
        "doctor": ["doctor", path, "--json"],
        "score": ["score", path, "--config", "config.json", *quiet],
        "resume": ["run", "config.json", "--resume", path, *quiet],
    }[command]


def _on_cache(command: str, path: str) -> list[str]:
    this = ["--set", f"cache.responses.path={path}", "--json"]
    return {
        "stats": ["cache", "stats", "config.json", "--name", "responses", *this],
        "explain": ["cache", "explain", "config.json", "c1", *this],
        "prune": ["cache", "prune", "config.json", "--name", "responses", *this],
        "run": ["run", "config.json", "--progress", "plain", *this],
    }[command]


def _tell(folder: Path, outside: Path, asked: Sequence[tuple[Hostile, str, list[str], str]]) -> Told:
    before = _content(outside)
    (folder / "commands.json").write_text(json.dumps([(one.name, command, argv) for one, command, argv, _ in asked]))
    argv = [sys.executable, "-m", "tests.faults.read_hostile_runs", "commands.json"]
    done = subprocess.run(argv, cwd=folder, env=environment(folder), capture_output=True, timeout=800, check=False)
    assert done.returncode == 0, done.stderr.decode()[-3000:]
    told = [json.loads(line) for line in done.stdout.splitlines()]
    for one, (_, _, _, expected) in zip(told, asked, strict=True):
        one["expected"] = expected
    return Told(folder, before, told)


def _content(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_every_command_ends_on_every_run_as_it_should(runs: Told) -> None:
    """ok, the damage named, or an error in words with exit code 2 or 3."""
    assert _wrong(runs) == []


def test_every_command_ends_on_every_cache_as_it_should(caches: Told) -> None:
    assert _wrong(caches) == []


def test_no_run_fills_time_or_memory(runs: Told) -> None:
    _check_costs(runs)


def test_no_cache_fills_time_or_memory(caches: Told) -> None:
    _check_costs(caches)


def test_no_run_leads_out_of_its_folder(runs: Told) -> None:
    _check_places(runs, {"answers.py", "cases.jsonl", "config.json", "commands.json", "results", "hostile"})


def test_no_cache_leads_out_of_its_folder(caches: Told) -> None:
    _check_places(caches, {"answers.py", "cases.jsonl", "config.json", "commands.json", "results", "hostile", "cache"})


def test_nothing_in_a_run_commands_the_terminal(runs: Told) -> None:
    assert [one["name"] for one in runs.commands if "\x1b" in one["output"] + one["errors"]] == []


def test_nothing_in_a_cache_commands_the_terminal(caches: Told) -> None:
    assert [one["name"] for one in caches.commands if "\x1b" in one["output"] + one["errors"]] == []


def _wrong(told: Told) -> list[str]:
    outcomes = [(one, _outcome(one)) for one in told.commands]
    return [
        f"{one['name']}, {one['command']}: {outcome}, expected {one['expected']}: {one['errors'][-500:]}"
        for one, outcome in outcomes
        if outcome not in ({"ok", "told", "refused"} if one["expected"] == "any" else {one["expected"]})
    ]


def _outcome(one: dict[str, Any]) -> str:
    if "Traceback" in one["errors"] or "evalperf itself failed" in one["errors"] or one["code"] not in (0, 1, 2, 3):
        return "bug"
    if one["command"] == "doctor" and one["code"] == 1:
        return "told"
    if one["code"] in (2, 3):
        return "refused" if one["errors"].startswith("error: ") or "\nerror: " in one["errors"] else "without a word"
    warned = one["command"] in ("report", "score", "resume") and json.loads(one["output"])["warnings"]
    return "told" if warned or "warning" in one["errors"] else "ok"


def _check_costs(told: Told) -> None:
    """One process has run all commands: its peak is that of the worst."""
    slow = [(one["name"], one["command"], one["cpu_s"]) for one in told.commands if one["cpu_s"] > MOST_S]
    assert slow == []
    assert [(one["name"], one["command"], one["rss_mb"]) for one in told.commands if one["rss_mb"] > MOST_MB][:1] == []
    assert sum(one["left_open"] for one in told.commands) <= MOST_LEFT_OPEN
    assert [one["name"] for one in told.commands if len(one["errors"]) > MOST_CHARS] == []


def _check_places(told: Told, expected: set[str]) -> None:
    assert {path.name for path in told.folder.iterdir()} - {"cache", "state"} <= expected
    assert _content(told.folder / "hostile" / "outside") == told.before
