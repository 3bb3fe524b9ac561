"""`validate`: says what holds, tells all that does not, asks no endpoint."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from evalperf.cli.app import app


def validated(folder: Path, *arguments: str, lines: str = '{"input": "q", "target": "t"}\n', **changes: Any) -> Result:
    (folder / "cases.jsonl").write_text(lines)
    endpoint = {"url": "http://127.0.0.1:9/v1"}  # nobody answers there
    provider = {"type": "openai", "model": "m", "endpoints": [endpoint]}
    tree = {"cases": {"path": "cases.jsonl"}, "provider": provider, "scorers": ["exact"], **changes}
    (folder / "x.json").write_text(json.dumps(tree))
    return CliRunner().invoke(app, ["validate", str(folder / "x.json"), *arguments])


def test_all_that_holds_is_listed(tmp_path: Path) -> None:
    result = validated(tmp_path)
    assert (result.exit_code, result.stderr) == (0, "")
    assert [line.split()[1].rstrip(":") for line in result.stdout.splitlines()] == [
        "configuration", "cases", "prompt", "scorers", "provider", "gates", "output",
    ]  # fmt: skip
    assert not (tmp_path / "results").exists()


def test_scorers_without_any_target_are_warned_about(tmp_path: Path) -> None:
    result = validated(tmp_path, lines='{"input": "q"}\n{"input": "r"}\n', scorers=["exact", "json_valid", "rouge"])
    assert result.exit_code == 0
    assert result.stderr == (
        "warning: no target in the first 2 cases, and exact, rouge need one: such cases are not scored; "
        "where the target has another name, cases.fields says which\n"
    )


def test_names_can_not_command_a_terminal(tmp_path: Path) -> None:
    provider = {"type": "openai", "model": "a\x1b[2J\u202e", "endpoints": [{"url": "http://127.0.0.1:9/v1"}]}
    result = validated(tmp_path, provider=provider)
    assert "model a\\x1b[2J\\x202e" in result.stdout
    assert "\x1b" not in result.stdout


def test_keys_that_a_line_has_twice_are_warned_about(tmp_path: Path) -> None:
    result = validated(tmp_path, lines='{"input": "q", "target": "t"}\n{"input": "q", "target": "t", "target": "u"}\n')
    assert result.exit_code == 0
    assert result.stderr == (
        f'warning: {tmp_path / "cases.jsonl"}:2: the key "target" is there twice; '
        "such lines among the first 100: 1; the last value of each key counts\n"
    )


def test_all_that_does_not_hold_is_told_at_once(tmp_path: Path) -> None:
    result = validated(
        tmp_path,
        lines='{"input": "q"}\n{"input": \n',
        provider={"type": "function", "call": "no_such_module:f"},
        scorers=[{"type": "function", "call": "no_such_module:g"}],
        gates=[{"metric": "nope.mean", "min": 1}],
        output={"dir": "cases.jsonl/below"},
    )
    assert result.exit_code == 2
    assert result.stderr.count("error: ") == 5
    for part in ("cases.jsonl:2:", "no_such_module:f", "no_such_module:g", "nope.mean", "not a directory"):
        assert part in result.stderr


@pytest.mark.parametrize(
    ("changes", "lines", "message"),
    [
        ({"cases": {"path": "nowhere.jsonl"}}, "", "nowhere.jsonl"),
        ({}, "", "case"),
        ({}, '{"question_text": "q"}\n', "input"),
        ({"prompt": {"template": "{{ inptu }}"}}, '{"input": "q"}\n', "inptu"),
        ({"prompt": {"template": "{{ input "}}, '{"input": "q"}\n', "template"),
        ({}, '{"id": 1, "input": "q"}\n{"id": 1, "input": "q"}\n', "1"),
    ],
)
def test_a_fault_of_the_input_or_the_prompt(tmp_path: Path, changes: dict[str, Any], lines: str, message: str) -> None:
    result = validated(tmp_path, lines=lines, **changes)
    assert result.exit_code == 2
    assert message in result.stderr
    assert "Traceback" not in result.stderr


def test_only_the_first_hundred_cases_are_read(tmp_path: Path) -> None:
    result = validated(tmp_path, lines="".join(f'{{"input": "q{number}"}}\n' for number in range(500)))
    assert "the first 100 can be read" in result.stdout


def test_a_setting_may_be_changed_first(tmp_path: Path) -> None:
    result = validated(tmp_path, "--set", "cases.path=nowhere.jsonl")
    assert result.exit_code == 2
    assert "nowhere.jsonl" in result.stderr


JUDGE = {"type": "judge", "rubric": {"type": "grade", "criterion": "Is it clear?", "scale": [1, 5]}}


def test_models_of_scorers_and_the_fallback_are_opened(tmp_path: Path) -> None:
    asked = {"type": "simulator", "model": "judge"}
    (tmp_path / "vectors.py").write_text("def of(texts):\n    return [[1.0] for _ in texts]\n")
    other = {"type": "openai", "model": "other", "endpoints": [{"url": "http://127.0.0.1:9/v1"}]}
    scorers = [
        {**JUDGE, "provider": asked},
        {"type": "semantic", "embedder": {"type": "function", "call": "vectors:of"}},
    ]
    result = validated(tmp_path, scorers=scorers, fallback=other)
    assert (result.exit_code, result.stderr) == (0, "")
    assert "✔ scorers: judge, semantic\n" in result.stdout
    assert "✔ other models: simulator, model judge; openai, model other\n" in result.stdout
    assert "✔ embedders: function\n" in result.stdout


@pytest.mark.parametrize(
    "scorer",
    [
        {**JUDGE, "provider": {"type": "function", "call": "no_such_module:f"}},
        {"type": "semantic", "embedder": {"type": "function", "call": "no_such_module:f"}},
    ],
)
def test_a_fault_of_what_a_scorer_asks(tmp_path: Path, scorer: dict[str, Any]) -> None:
    result = validated(tmp_path, scorers=[scorer])
    assert result.exit_code == 2
    assert "no_such_module:f" in result.stderr
