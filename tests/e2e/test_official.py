"""Official numbers of public data sets, case by case, through `evalperf run`."""

from __future__ import annotations

import gzip
import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from evalperf.records import Result
from evalperf.results import RunDirectory, read_results
from tests.e2e.conftest import ROOT

pytestmark = pytest.mark.data


@pytest.fixture
def run_example(document, tmp_path: Path, shared_data: Path):
    """Runs a configuration of configs/examples and returns its document and its results."""

    def run(name: str, *arguments: str) -> tuple[dict[str, Any], list[Result]]:
        config = str(ROOT / "configs" / "examples" / name)
        ran = document("run", config, "--output", str(tmp_path / "results"), *arguments)
        return ran, list(read_results(RunDirectory(Path(ran["run"]["dir"]))))

    return run


def official(path: Path) -> dict[str, Any]:
    opener = gzip.open if path.suffix == ".gz" else open
    with opener(path, "rt", encoding="utf-8") as file:
        return {row["id"]: row.get("official") for row in map(json.loads, file)}


@pytest.mark.parametrize(("model", "correct"), [("6b", 286), ("175b", 742)])
def test_gsm8k(model: str, correct: int, run_example, shared_data: Path) -> None:
    """OpenAI's own flag on each of the 1,319 answers."""
    name = {"6b": "6b_finetuning", "175b": "175b_verification"}[model]
    flags = official(shared_data / "gsm8k" / f"responses-{name}.jsonl")
    ran, results = run_example(f"gsm8k-{model}.json")
    assert ran["scores"]["answer"]["passed"] == correct
    assert {r.id: r.scores["answer"].passed for r in results} == {i: flag["is_correct"] for i, flag in flags.items()}


@pytest.mark.parametrize(("form", "correct"), [("cot", 1646), ("direct", 1144)])
def test_bbh(form: str, correct: int, run_example, shared_data: Path, evalperf) -> None:
    """The authors' accuracy of each of 9 tasks, from `report --by task`."""
    expected = json.loads((shared_data / "bbh" / "expected_numbers.json").read_text())
    ran, _ = run_example(f"bbh-{form}.json")
    assert ran["scores"]["exact"]["passed"] == correct
    by = json.loads(evalperf("report", ran["run"]["dir"], "--by", "task", "--format", "json").stdout)["by"]
    tasks = {group["value"]: group["scores"]["exact"]["mean"] * 100 for group in by["groups"]}
    assert tasks == pytest.approx(_accuracies(expected, form), rel=1e-12)


def _accuracies(expected: Any, form: str) -> dict[str, float]:
    """The authors' accuracy per task, in percent; ids are bbh/TASK/FORM."""
    named = {tuple(number["id"].split("/")[1:]): number for number in expected["numbers"]}
    found = {task: number for (task, *rest), number in named.items() if rest == [form]}
    return {
        task: number["official_accuracy_percent"]
        for task, number in found.items()
        if "official_accuracy_percent" in number
    }


def test_mmlu_pro(run_example, shared_data: Path) -> None:
    """The letter that the authors extracted, for each of 12,032 answers; gzip input."""
    letters = official(shared_data / "mmlu_pro" / "responses-Yi-34B.jsonl.gz")
    ran, results = run_example("mmlu-pro-yi.json")
    assert ran["scores"]["choice"]["passed"] == 5063
    reasons = Counter(result.scores["choice"].reason for result in results)
    assert reasons["no answer"] == 1036
    assert {r.id: r.scores["choice"].extracted for r in results} == {i: o["pred"] for i, o in letters.items()}


def test_needle(run_example) -> None:
    ran, _ = run_example("needle.json")
    assert ran["scores"]["park"]["passed"] == 840
    assert ran["scores"]["sentence"]["passed"] == 755


@pytest.mark.parametrize(("model", "followed"), [("gpt-4o-mini", 409), ("qwen2.5-0.5b", 148)])
def test_ifeval(model: str, followed: int, run_example) -> None:
    """Published verdicts on 452 instructions."""
    ran, results = run_example(f"ifeval-{model}.json")
    assert ran["scores"]["followed"]["passed"] == followed
    assert all(r.scores["followed"].passed == r.metadata["official"]["followed"] for r in results)
