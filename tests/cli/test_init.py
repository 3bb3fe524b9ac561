"""`init` and `schema`: a start that runs, and the schema it is checked with."""

from __future__ import annotations

import json
from pathlib import Path

from jsonschema import Draft202012Validator
from typer.testing import CliRunner

from evalperf.cli.app import app
from evalperf.config import json_schema, load_config
from evalperf.config.jsonc import read_jsonc


def test_what_it_writes_is_valid_and_says_what_to_do_next(tmp_path: Path) -> None:
    result = CliRunner().invoke(app, ["init", str(tmp_path / "demo")])
    assert result.exit_code == 0
    path = tmp_path / "demo" / "evalperf.json"
    assert result.stdout.splitlines()[-1] == f"next: evalperf run {path}"
    assert load_config(path, (), {}).config.name == "starter"
    assert len((tmp_path / "demo" / "cases.jsonl").read_text().splitlines()) == 5
    schema = json.loads((tmp_path / "demo" / "evalperf.schema.json").read_text())
    tree = read_jsonc(path.read_text(), "x").value
    assert Draft202012Validator(schema).is_valid(tree)


def test_the_examples_in_its_comments_are_valid_too(tmp_path: Path) -> None:
    CliRunner().invoke(app, ["init", str(tmp_path)])
    lines = (tmp_path / "evalperf.json").read_text().splitlines()
    lines = [line for line in lines if '"simulator"' not in line]
    lines = [line.replace("// ", "", 1) if line.startswith(('  // "', "  //   ", "  // }")) else line for line in lines]
    (tmp_path / "evalperf.json").write_text("\n".join(lines))
    config = load_config(tmp_path / "evalperf.json", (), {}).config
    assert (config.provider.type, config.gates[0].min) == ("openai", 0.8)


def test_it_never_overwrites_unless_told_to(tmp_path: Path) -> None:
    (tmp_path / "cases.jsonl").write_text("mine")
    result = CliRunner().invoke(app, ["init", str(tmp_path)])
    assert result.exit_code == 2
    assert "exists already" in result.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["cases.jsonl"]
    assert CliRunner().invoke(app, ["init", str(tmp_path), "--force"]).exit_code == 0
    assert (tmp_path / "cases.jsonl").read_text() != "mine"


def test_a_folder_that_can_not_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    result = CliRunner().invoke(app, ["init", str(tmp_path / "file" / "demo")])
    assert result.exit_code == 3
    assert "can't write" in result.stderr


def test_schema_prints_the_schema() -> None:
    assert json.loads(CliRunner().invoke(app, ["schema"]).stdout) == json_schema()
