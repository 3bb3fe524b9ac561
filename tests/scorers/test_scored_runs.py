"""Whole runs with scorers that execute something: what ends up in the files and in the summary."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from evalperf.cases import Survey
from evalperf.config.load import load_config
from evalperf.config.model import RunConfig
from evalperf.fingerprint import fingerprint
from evalperf.run import RunOptions, execute

MODULE = """
import os, re, time
from evalperf.records import Case

def answer(case: Case):
    return "    return 2" if case.epoch % 2 else "    return 3"

def fragile(case, response):
    said = case.metadata["does"]
    if said == "exit":
        os._exit(4)
    if said == "hang":
        time.sleep(60)
    if said == "never end":
        re.match(r"(a+)+$", "a" * 40 + "b")
    if said == "eat":
        return len([bytearray(10**8) for _ in range(100)])
    if said == "nan":
        return float("nan")
    return True
"""


def run(folder: Path, records: list[dict[str, Any]], **sections: Any) -> dict[str, Any]:
    """The summary of a run."""
    (folder / "scored_runs_code.py").write_text(MODULE)
    (folder / "cases.jsonl").write_text("".join(json.dumps(case) + "\n" for case in records))
    tree = {"cases": {"path": "cases.jsonl"}, "provider": {"type": "replay"}, **sections}
    (folder / "x.json").write_text(json.dumps(tree))
    return execute(load_config(folder / "x.json", environ={}), RunOptions(environ={})).report.document


def test_programs_over_epochs_give_pass_at_k(tmp_path: Path) -> None:
    program = "{{ input }}{{ answer }}\nassert two() == {{ metadata.right }}"
    document = run(
        tmp_path,
        [
            {"id": "sometimes", "input": "def two():\n", "right": 2},
            {"id": "never", "input": "def two():\n", "right": 4},
        ],
        cases={"path": "cases.jsonl", "epochs": 4},
        provider={"type": "function", "call": "scored_runs_code:answer"},
        scorers=[{"type": "code", "allow_code": True, "program": program}],
        statistics={"pass_at": [1, 2]},
    )
    code = document["scores"]["code"]
    assert (code["n"], code["mean"], code["passed"]) == (2, 0.25, 2)
    assert code["pass_at_k"] == {"1": 0.25, "2": (1 - 1 / 6) / 2}
    assert code["pass_hat_k"] == {"1": 0.25, "2": (1 / 6) / 2}


def test_a_fault_of_a_scorer_costs_its_own_case_and_is_marked(tmp_path: Path) -> None:
    faults = ["exit", "hang", "never end", "eat", "nan"]
    does = [*faults, *(["nothing"] * 15)]
    document = run(
        tmp_path,
        [{"id": f"c{at}", "input": "?", "output": "!", "does": what} for at, what in enumerate(does)],
        scorers=[
            {
                "type": "function",
                "call": "scored_runs_code:fragile",
                "run_in": "process",
                "timeout_s": 2,
                "memory_mb": 1024,
                "max_parallel": 2,
            }
        ],
    )
    assert (document["cases"]["ok"], document["cases"]["failed"]) == (15, 5)
    assert document["failures"] == {"scorer": 5}
    assert document["scores"]["function"]["passed"] == 15


def test_a_new_version_is_another_scorer() -> None:
    def scorers(**options: Any) -> str:
        scorer = {"type": "function", "call": "a:b", **options}
        config = RunConfig.model_validate({"cases": {"path": "x"}, "provider": {"type": "replay"}, "scorers": [scorer]})
        return fingerprint(config, Survey(files=(), lines=0, total=0))["scorers"]

    assert scorers() == scorers()
    assert len({scorers(), scorers(version="1"), scorers(version="2")}) == 3
