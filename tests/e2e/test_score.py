"""`evalperf score`: other scorers, the same answers, no call."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from evalperf.records import Result
from evalperf.results import RunDirectory, read_results, read_run_info

Document = Callable[..., dict[str, Any]]

CASES = [
    {"id": "a", "input": "1 + 1 =", "target": "2", "output": "It is 2."},
    {"id": "b", "input": "2 + 2 =", "target": "4", "output": "It is 5."},
    {"id": "c", "input": "3 + 3 =", "target": "6"},
]


def write_config(folder: Path, name: str, **sections: Any) -> None:
    config = {
        "cases": {"path": "cases.jsonl"},
        "provider": {"type": "replay", "model": "old"},
        "output": {"dir": "results"},
        **sections,
    }
    (folder / name).write_text(json.dumps(config))


@pytest.fixture
def parent(tmp_path: Path, document: Document) -> dict[str, Any]:
    """A run of three cases, of which the third has no answer."""
    (tmp_path / "cases.jsonl").write_text("\n".join(map(json.dumps, CASES)))
    write_config(tmp_path, "old.json", scorers=["exact"])
    return document("run", "old.json")


def rows(document: dict[str, Any]) -> dict[str, Result]:
    return {result.id: result for result in read_results(RunDirectory(Path(document["run"]["dir"])))}


def test_the_answers_meet_the_new_scorers(tmp_path: Path, parent: dict[str, Any], document: Document) -> None:
    """A provider that needs a key which is not there is never opened."""
    hosted = {"type": "openai", "model": "m", "endpoints": [{"url": "http://127.0.0.1:9/v1", "api_key_env": "NOT_SET"}]}
    write_config(tmp_path, "new.json", scorers=["includes"], provider=hosted)
    scored = document("score", "latest", "--config", "new.json")
    assert scored["scores"]["includes"]["mean"] == 0.5
    assert scored["run"]["id"] != parent["run"]["id"]
    assert rows(scored)["a"].output == "It is 2."
    assert rows(scored)["a"].model == "old"


def test_a_failure_stays_the_failure_that_it_was(tmp_path: Path, parent: dict[str, Any], document: Document) -> None:
    write_config(tmp_path, "new.json", scorers=["includes"])
    scored = document("score", parent["run"]["id"], "--config", "new.json")
    assert scored["cases"]["failed"] == 1
    assert rows(scored)["c"].failure == rows(parent)["c"].failure


def test_a_case_whose_scorer_failed_is_scored_again(tmp_path: Path, document: Document) -> None:
    """Its answer was kept, and is an answer still."""
    (tmp_path / "cases.jsonl").write_text(json.dumps(CASES[0]))
    (tmp_path / "mine.py").write_text("def broken(case, response):\n    raise ValueError('ill')\n")
    write_config(tmp_path, "old.json", scorers=[{"type": "function", "call": "mine:broken"}])
    document("run", "old.json", code=3)
    write_config(tmp_path, "new.json", scorers=["includes"])
    assert document("score", "latest", "--config", "new.json")["cases"]["ok"] == 1


def test_the_new_run_names_its_parent(tmp_path: Path, parent: dict[str, Any], document: Document) -> None:
    write_config(tmp_path, "new.json", scorers=["includes"])
    scored = document("score", "latest", "--config", "new.json")
    assert read_run_info(RunDirectory(Path(scored["run"]["dir"]))).parent == parent["run"]["id"]


def test_another_input_is_refused(tmp_path: Path, parent: dict[str, Any], evalperf: Callable[..., Any]) -> None:
    """Answers must not meet other questions."""
    (tmp_path / "cases.jsonl").write_text(json.dumps(CASES[0]))
    write_config(tmp_path, "new.json", scorers=["includes"])
    assert "its content differs" in evalperf("score", parent["run"]["id"], "--config", "new.json", code=2).stderr


def test_cases_that_the_parent_did_not_take_are_failures(tmp_path: Path, document: Document) -> None:
    """Not silence, and no wrong answers."""
    (tmp_path / "cases.jsonl").write_text("\n".join(map(json.dumps, CASES)))
    write_config(tmp_path, "old.json")
    document("run", "old.json", "-n", "1")
    write_config(tmp_path, "new.json", scorers=["includes"])
    scored = document("score", "latest", "--config", "new.json")
    assert (scored["cases"]["ok"], scored["cases"]["failed"]) == (1, 2)
    assert rows(scored)["b"].failure is not None
    assert "no result for this case" in rows(scored)["b"].failure.message


def test_epochs_keep_their_own_answers(tmp_path: Path, document: Document) -> None:
    """Each epoch is scored on what it was answered."""
    nth = "def nth(request: Request) -> str:\n    return str(request.case.epoch)\n"
    (tmp_path / "mine.py").write_text(f"from evalperf.records import Request\n\n{nth}")
    (tmp_path / "cases.jsonl").write_text(json.dumps({"id": "a", "input": "?", "target": "2"}))
    write_config(
        tmp_path,
        "old.json",
        provider={"type": "function", "call": "mine:nth"},
        cases={"path": "cases.jsonl", "epochs": 3},
    )
    document("run", "old.json")
    write_config(tmp_path, "new.json", scorers=["exact"], cases={"path": "cases.jsonl", "epochs": 3})
    scored = document("score", "latest", "--config", "new.json")
    answers = {row.epoch: row.output for row in read_results(RunDirectory(Path(scored["run"]["dir"])))}
    assert answers == {1: "1", 2: "2", 3: "3"}
