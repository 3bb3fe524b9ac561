"""Several answers to a case, each judged: whenever the run is killed, no verdict that came is bought again."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from evalperf.results import examine, read_results
from tests.faults.processes import begin, only_run, run, until
from tests.support.paid_server import PaidServer, recorded, serving

CASES, ANSWERS, VOTES = 2, 3, 2
DIMENSIONS = ("clarity", "tone", "brevity")
OF_A_CASE = ANSWERS * (VOTES + len(DIMENSIONS))


def write_config(folder: Path, server: PaidServer) -> Path:
    lines = [json.dumps({"id": f"c{n}", "input": f"Question {n}?"}) for n in range(CASES)]
    (folder / "cases.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")
    judge = {"provider": server.section("judge")}
    config = {
        "cases": {"path": "cases.jsonl"},
        "provider": server.section("m", params={"n": ANSWERS}),
        "concurrency": {"workers": 1},
        "cache": {"responses": {"strategy": "off"}},
        "scorers": [
            {"type": "judge", "votes": VOTES, "rubric": {"type": "pass_fail", "criterion": "right"}, **judge},
            {"type": "dimensions", "dimensions": [{"name": n, "description": n} for n in DIMENSIONS], **judge},
        ],
        "output": {"dir": "results"},
    }
    path = folder / "eval.json"
    path.write_text(json.dumps(config), encoding="utf-8")
    return path


@pytest.mark.parametrize(
    "verdicts", [13, OF_A_CASE + 7, *(pytest.param(n, marks=pytest.mark.slow) for n in (1, 2, 4, 5, 7, 8, 10, 14, 15))]
)
def test_killed_between_the_verdicts_on_several_answers(tmp_path: Path, verdicts: int) -> None:
    """Every question that was answered before the kill was answered once in all."""
    with serving(verdicts) as server:
        config = write_config(tmp_path, server)
        begun = begin(config)
        answered = 1 + verdicts // OF_A_CASE + verdicts
        until(lambda: recorded(config) == server.given.total() == answered, "verdicts")
        begun.kill()
        begun.communicate()
        server.left.release(1000)  # also for those that are bought again
        document = run(config, "--resume", code=0)
        assert document["cases"]["ok"] == CASES
        votes = [count for (_, asked), count in server.given.items() if '"verdict"' in asked]
        assert votes == [VOTES] * (CASES * ANSWERS)
        assert server.given.total() == CASES * (1 + OF_A_CASE)
        assert document["cost_usd"] == pytest.approx(server.earned_usd)
        directory = only_run(config)
        assert directory is not None
        assert examine(directory).sound
        reasons = [row.scores["judge"].reason for row in read_results(directory)]
        assert reasons == ["mean of 3 answers: 0, 1, 0"] * CASES
