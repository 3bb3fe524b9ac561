"""What a run says it has cost is what its endpoints have earned, and what its budget has counted."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from evalperf.resilience import Budget
from evalperf.results import RunDirectory
from evalperf.spent import charge_earlier_sessions
from tests.faults.processes import begin, checked, run, until
from tests.support.paid_server import PaidServer, serving

CASES = 12
EARLIER = [{"id": f"e{n}", "input": f"An earlier question, number {n}", "output": "42", "status": "ok"} for n in "abc"]


def write_config(folder: Path, server: PaidServer, **more: Any) -> Path:
    """Answers by meaning, precedents, a judge and a scorer of meaning: all that a run can pay for."""
    cases = [{"id": f"c{n}", "input": f"{chr(97 + n) * 40}?", "target": f"Answer {n}"} for n in range(CASES)]
    for name, rows in (("cases.jsonl", cases), ("earlier.jsonl", EARLIER)):
        (folder / name).write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    vectors = server.section("vectors", encoding="float")
    rubric = {"type": "pass_fail", "criterion": "right"}
    config = {
        "cases": {"path": "cases.jsonl"},
        "prompt": {"template": "What is {{ input }}"},
        "provider": server.section("m", params={"max_tokens": 60}),
        "precedents": {"from": "file", "path": "earlier.jsonl", "embedder": vectors},
        "cache": {"semantic": {"embedder": vectors, "threshold": 0.999}},
        "concurrency": {"workers": 3},
        "scorers": [
            {"type": "semantic", "embedder": vectors},
            {"type": "judge", "provider": server.section("judge", params={"max_tokens": 60}), "rubric": rubric},
        ],
        "budget": {"max_cost_usd": 100},
        "output": {"dir": "results"},
        **more,
    }
    path = folder / "eval.json"
    path.write_text(json.dumps(config), encoding="utf-8")
    return path


def check(document: dict[str, Any], server: PaidServer) -> None:
    """The sum, its parts, and what a later session would begin with."""
    assert document["warnings"] == []
    assert document["cost_usd"] == pytest.approx(server.earned_usd)
    assert sum(document["costs"].values()) == pytest.approx(document["cost_usd"])
    assert document["costs"]["embeddings_usd"] == pytest.approx(sum(document["embeddings"]["cost_usd_for"].values()))
    budget = Budget(max_tokens=None, max_cost_usd=100.0)
    assert charge_earlier_sessions(budget, RunDirectory(Path(document["run"]["dir"]))) == []
    assert budget.spent_usd == pytest.approx(server.earned_usd)


def test_everything_that_was_paid_is_in_the_sum(tmp_path: Path) -> None:
    with serving() as server:
        document = run(write_config(tmp_path, server), code=0)
        check(document, server)
    assert document["cases"]["ok"] == CASES
    assert document["embeddings"]["cost_usd_for"].keys() == {"precedents", "scorers", "semantic_cache"}
    assert all(part > 0 for part in document["costs"].values())


@pytest.mark.parametrize(
    "verdicts", [2, pytest.param(0, marks=pytest.mark.slow), pytest.param(9, marks=pytest.mark.slow)]
)
def test_what_a_killed_session_has_paid_is_in_the_sum(tmp_path: Path, verdicts: int) -> None:
    """Also the vectors for cases that were open then: they are in no row, and come from the cache afterwards."""
    with serving(verdicts) as server:
        config = write_config(tmp_path, server)
        begun = begin(config)
        until(lambda: server.verdicts == verdicts and server.waiting == 3, "judges")
        begun.kill()
        begun.communicate()
        server.left.release(1000)
        document = run(config, "--resume", code=0)
        check(document, server)
    assert document["cases"]["ok"] == CASES


def test_the_budget_has_counted_the_same(tmp_path: Path) -> None:
    """What it says when it is used up is the cost of the run so far, also after a resume."""
    with serving() as server:
        config = write_config(tmp_path, server, budget={"max_cost_usd": 1.5})
        output, errors = begin(config).communicate(timeout=60)
        stopped, (spent,) = checked(output, errors), re.findall(rb"\$(\d\.\d{4}) of \$1.5 is spent", errors)
        check(stopped, server)
        assert float(spent) == pytest.approx(stopped["cost_usd"], abs=1e-4)
        assert 0 < stopped["cases"]["done"] < CASES
        output, errors = begin(config, "--resume").communicate(timeout=60)
        (spent,) = re.findall(rb"\$(\d\.\d{4}) of \$1.5 is spent", errors)
        assert float(spent) == pytest.approx(server.earned_usd, abs=1e-4)
        document = run(config, "--resume", "--set", "budget.max_cost_usd=100", code=0)
        check(document, server)
