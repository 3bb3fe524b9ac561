"""`run`'s flags: each changes the setting that it names, and is named when it is wrong."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from evalperf.cli.app import app
from evalperf.cli.run import _changes
from evalperf.config import load_config

CONFIG = {"cases": {"path": "cases.jsonl"}, "provider": {"type": "replay"}, "scorers": ["exact"]}


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    rows = [
        {"id": str(number), "input": f"q{number}", "target": "a", "output": "ab"[number % 2]} for number in range(6)
    ]
    Path("cases.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    Path("x.json").write_text(json.dumps(CONFIG))
    return Path("x.json")


@pytest.mark.parametrize(
    ("flags", "section", "setting", "value"),
    [
        ({"limit": 3}, "cases", "limit", 3),
        ({"sample": 3}, "cases", "sample", 3),
        ({"where": "a == 1"}, "cases", "where", "a == 1"),
        ({"epochs": 2}, "cases", "epochs", 2),
        ({"seed": 0}, "cases", "seed", 0),
        ({"model": "m"}, "provider", "model", "m"),
        ({"workers": "7"}, "concurrency", "workers", 7),
        ({"workers": "auto"}, "concurrency", "workers", "auto"),
    ],
)
def test_a_flag_changes_its_setting(
    config: Path, flags: dict[str, Any], section: str, setting: str, value: Any
) -> None:
    loaded = load_config(config, list(_changes(None, [], **flags)), {})
    assert getattr(getattr(loaded.config, section), setting) == value


def test_a_folder_named_on_the_command_line_starts_at_the_working_directory(config: Path) -> None:
    loaded = load_config(config, list(_changes(None, [], output=Path("out"))), {})
    assert loaded.config.output.dir == str(Path.cwd() / "out")


def test_a_named_flag_wins_over_set_and_set_over_endpoint(config: Path) -> None:
    settings = ["provider.model=from-set", "provider.api=completions"]
    loaded = load_config(config, list(_changes("http://h/v1", settings, model="from-flag")), {})
    provider = loaded.config.provider
    assert provider.type == "openai"
    assert (provider.model, provider.api, provider.endpoints[0].url) == ("from-flag", "completions", "http://h/v1")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["-n", "0"], "--limit: error: cases.limit: found 0, expected a number of at least 1\n"),
        (["--endpoint", "localhost"], "--endpoint: error: provider.endpoints.0.url: "),
        (["-j", "many"], '--workers: error: concurrency.workers: found "many", expected "auto" or a whole number'),
        (["--set", "retry"], '--set retry: error: found "retry", expected KEY=VALUE\n'),
    ],
)
def test_a_wrong_flag_is_named(config: Path, arguments: list[str], message: str) -> None:
    result = CliRunner().invoke(app, ["run", str(config), *arguments])
    assert result.exit_code == 2
    assert message in result.stderr


def test_a_dry_run_shows_the_plan_and_writes_nothing(config: Path) -> None:
    result = CliRunner().invoke(app, ["run", str(config), "--dry-run", "-n", "4"])
    assert result.exit_code == 0, result.stderr
    facts = {line[2:22].strip(): line[23:] for line in result.stdout.splitlines()[1:]}
    assert (facts["cases"], facts["scorers"], facts["provider"]) == ("4", "exact", "replay")
    assert sorted(path.name for path in Path().iterdir()) == ["cases.jsonl", "x.json"]


def test_a_dry_run_as_json_is_one_document(config: Path) -> None:
    result = CliRunner().invoke(app, ["run", str(config), "--dry-run", "--json"])
    document = json.loads(result.stdout)
    assert (document["schema_version"], document["plan"]["cases"]) == (1, 6)


def test_json_prints_the_document_and_nothing_else(config: Path) -> None:
    result = CliRunner().invoke(app, ["run", str(config), "--json", "-q"])
    assert result.exit_code == 0, result.stderr
    document = json.loads(result.stdout)
    assert (document["cases"]["ok"], document["scores"]["exact"]["mean"]) == (6, 0.5)
    assert result.stderr == ""


def test_a_gate_that_fails_is_an_exit_code_of_one(config: Path) -> None:
    result = CliRunner().invoke(
        app, ["run", str(config), "-q", "--set", 'gates=[{"metric": "exact.mean", "min": 0.9}]']
    )
    assert result.exit_code == 1, result.stderr
