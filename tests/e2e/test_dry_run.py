"""`run --dry-run`: nothing asked, nothing written, and close to what the run then does."""

from __future__ import annotations

import json
from pathlib import Path

QUICK = (
    "--set",
    "provider.latency_s=0.005",
    "--set",
    'provider.prices={"input_usd_per_mtok":2,"output_usd_per_mtok":8}',
)


def files(folder: Path) -> set[Path]:
    return {path for path in folder.rglob("*") if path.is_file() and "__pycache__" not in path.parts}


def test_it_writes_nothing_and_asks_nobody(house: Path, document) -> None:
    """Nobody listens at the address."""
    before = files(house)
    nobody = ("--endpoint", "http://127.0.0.1:9/v1", "--model", "m")
    planned = document("run", "configs/quickstart.json", "--dry-run", *nobody)
    assert files(house) == before
    assert planned["schema_version"] == 1
    assert planned["plan"]["cases"] == planned["estimate"]["cases"] == 380
    assert planned["estimate"]["requests"] == {"low": 380, "expected": 380, "high": 380}
    assert planned["estimate"]["cost_usd"] is None


def test_after_a_pilot_the_estimate_holds_the_truth(house: Path, document) -> None:
    """Tokens and cost of all cases, from a random sixth of them."""
    document("run", "configs/quickstart.json", *QUICK, "--sample", "60")
    found = document("run", "configs/quickstart.json", *QUICK, "--dry-run")["estimate"]
    ran = document("run", "configs/quickstart.json", *QUICK)
    assert found["earlier_run"]
    for name, true in (
        ("input_tokens", ran["usage"]["input_tokens"]),
        ("output_tokens", ran["usage"]["output_tokens"]),
        ("cost_usd", ran["cost_usd"]),
    ):
        assert found[name]["low"] <= true <= found[name]["high"]
        assert found[name]["high"] < 1.5 * found[name]["low"]


def test_an_earlier_run_of_another_prompt_tells_nothing(house: Path, document) -> None:
    document("run", "configs/quickstart.json", *QUICK, "-n", "20")
    other = document("run", "configs/quickstart.json", *QUICK, "--dry-run", "--set", "prompt.system=Be brief.")
    assert other["estimate"]["earlier_run"] is None


def test_the_text_has_a_line_for_each_quantity(house: Path, evalperf) -> None:
    shown = evalperf("run", "configs/quickstart.json", "--dry-run").stdout
    names = {line[2:22].strip() for line in shown.splitlines()[1:]}
    assert {"cases", "requests", "input tokens", "output tokens", "cost", "time", "notes"} <= names


def test_a_prompt_can_not_command_a_terminal(house: Path, evalperf) -> None:
    """The first prompt is shown, and its text is a stranger's."""
    (house / "hostile.jsonl").write_text('{"input": "a\\u001b]0;owned\\u0007b"}\n')
    nobody = ("--endpoint", "http://127.0.0.1:9/v1", "--model", "m")
    shown = evalperf(
        "run", "configs/quickstart.json", "--dry-run", *nobody, "--set", "cases.path=../hostile.jsonl"
    ).stdout
    assert "a\\x1b]0;owned\\x07b" in shown
    assert "\x1b" not in shown


def test_bad_input_is_found_before_a_run(house: Path, evalperf) -> None:
    (house / "bad.jsonl").write_text('{"input": "x"}\n{"input": \n', encoding="utf-8")
    refused = evalperf("run", "configs/quickstart.json", "--dry-run", "--set", "cases.path=../bad.jsonl", code=2)
    assert "bad.jsonl:2" in refused.stderr


def test_it_plans_whole_runs_only(house: Path, evalperf) -> None:
    refused = evalperf("run", "configs/quickstart.json", "--dry-run", "--resume", code=2)
    assert "--dry-run plans a whole run" in refused.stderr


def test_a_budget_is_held_against_the_estimate(house: Path, document) -> None:
    budget = ("--set", "budget.max_tokens=100")
    assert document("run", "configs/quickstart.json", "--dry-run", *budget)["estimate"]["budget_enough"] == "no"
    assert json.dumps(document("run", "configs/quickstart.json", "--dry-run")["estimate"]["budget_enough"]) == "null"
