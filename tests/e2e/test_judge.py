"""Runs with a judge behind a real socket: every reply is classified, and none is silently 0."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections import Counter
from pathlib import Path
from typing import Any

from evalperf.results import RunDirectory, read_results
from tests.e2e.conftest import ROOT
from tests.support.http_server import Received, chat_reply, http_reply, json_reply, scripted_server
from tests.support.judging import quoted, verdict

PASS, FAIL = verdict("pass", "It is right."), verdict("fail", "It is wrong.")


async def never(_writer: asyncio.StreamWriter) -> None:
    """Says nothing for as long as the client waits."""
    await asyncio.sleep(60)


REPLIES: dict[str, Any] = {
    "bare": chat_reply(PASS),
    "bare, wrong": chat_reply(FAIL),
    "fenced": chat_reply(f"```json\n{PASS}\n```"),
    "amid talk": chat_reply(f"Let me see.\n\n{FAIL}\n\nI hope this helps!"),
    "with thoughts": chat_reply(f"<think>Perhaps {FAIL}</think>\n{PASS}"),
    "lax": chat_reply("{'reasoning': 'right', 'verdict': 'Pass',}"),
    "cut after the verdict": chat_reply('{"reasoning": "right", "verdict": "pass"', finish_reason="length"),
    "broken": chat_reply("I give it four stars."),
    "another verdict": chat_reply(verdict("maybe")),
    "cut before the verdict": chat_reply('{"reasoning": "it is', finish_reason="length"),
    "refused in words": chat_reply("I'm sorry, but I can't judge this."),
    "refused by a filter": chat_reply(None, finish_reason="content_filter"),
    "late": never,
    "out of order": http_reply(500, b"oops"),
    "not HTTP's fault": json_reply({"choices": []}),
}
"""By the answer that is judged, what the judge says."""

KINDS = {
    "broken": "bad_reply",
    "another verdict": "bad_reply",
    "cut before the verdict": "truncated",
    "refused in words": "content_filter",
    "refused by a filter": "content_filter",
    "late": "timeout",
    "out of order": "server_error",
    "not HTTP's fault": "bad_reply",
}
"""What is to become of those without a verdict."""

KINDS_OF_JUDGE = {"bad_reply", "truncated", "content_filter", "empty", "timeout"}
"""Of the simulated one."""


def write_run(folder: Path, url: str, answers: list[str], **judge: Any) -> Path:
    """A configuration that judges recorded answers."""
    lines = [json.dumps({"id": answer, "input": "Which way?", "output": answer}) for answer in answers]
    (folder / "cases.jsonl").write_text("\n".join(lines), encoding="utf-8")
    config = {
        "cases": {"path": "cases.jsonl"},
        "provider": {"type": "replay"},
        "retry": {"attempts": 2, "base_s": 0.01, "max_s": 0.02},
        "scorers": [
            {
                "type": "judge",
                "rubric": {"type": "pass_fail", "criterion": "It is right."},
                "provider": {
                    "type": "openai",
                    "model": "judge",
                    "endpoints": [{"name": "judge", "url": url, "auth": "none"}],
                    "timeouts": {"attempt_s": 0.5, "total_s": 2},
                    "prices": {"input_usd_per_mtok": 1, "output_usd_per_mtok": 2},
                },
                **judge,
            }
        ],
        "circuit_breaker": {"failure_threshold": 1000, "failure_rate": 1.0},
        "output": {"dir": "results"},
    }
    path = folder / "config.json"
    path.write_text(json.dumps(config), encoding="utf-8")
    return path


async def run(folder: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    """The document of a run, and its results by id."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "evalperf", "run", "config.json", "--json", "--progress", "none"),
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, errors = await asyncio.wait_for(process.communicate(), 60)
    assert process.returncode == 0, errors.decode()[-3000:]
    document = json.loads(out)
    results = read_results(RunDirectory(folder / document["run"]["dir"]), on_damage=lambda damage: None)
    return document, {result.id: result for result in results}


def judged_answer(received: Received) -> str:
    return quoted(received.json["messages"][1]["content"], "answer")[0]


async def test_each_reply_becomes_a_verdict_or_a_reason(tmp_path: Path) -> None:
    """All cases are done: a judge that fails is no failed case, and no wrong answer."""
    async with scripted_server(lambda received: REPLIES[judged_answer(received)]) as server:
        write_run(tmp_path, server.url, list(REPLIES))
        document, results = await run(tmp_path)
    scores = {answer: result.scores["judge"] for answer, result in results.items()}
    kinds = {answer: score.detail["failure"]["kind"] for answer, score in scores.items() if score.value is None}
    assert kinds == KINDS
    assert all(score.reason for score in scores.values())
    assert {answer: score.value for answer, score in scores.items() if answer not in KINDS} == {
        answer: 0.0 if answer in ("bare, wrong", "amid talk") else 1.0 for answer in REPLIES if answer not in KINDS
    }
    summary = document["scores"]["judge"]
    assert (document["cases"]["failed"], summary["n"], summary["unscored"]) == (0, 7, len(KINDS))
    assert summary["mean"] == 5 / 7
    assert sum(summary["judged"]["no_verdict"].values()) == len(KINDS)


class Voting:
    """A judge that says the next of its verdicts each time it is asked about an answer."""

    def __init__(self, said: dict[str, list[str]]) -> None:
        self._said = said
        self.asked: Counter[str] = Counter()

    def __call__(self, received: Received) -> bytes:
        if received.method == "GET":
            return json_reply({"data": []})
        answer = judged_answer(received)
        self.asked[answer] += 1
        return chat_reply(self._said[answer][self.asked[answer] - 1])


async def test_votes_are_bought_once_each_and_never_twice(tmp_path: Path) -> None:
    """Equal requests share a call elsewhere; three votes are three calls. A second run takes them from the cache."""
    judge = Voting({"yes": [PASS, PASS, PASS], "perhaps": [PASS, FAIL, PASS]})
    async with scripted_server(judge) as server:
        write_run(tmp_path, server.url, ["yes", "perhaps"], votes=3)
        document, results = await run(tmp_path)
        assert judge.asked == {"yes": 3, "perhaps": 3}
        again, _ = await run(tmp_path)
        assert judge.asked == {"yes": 3, "perhaps": 3}
    detail = results["perhaps"].scores["judge"].detail
    assert sorted(detail["verdicts"]) == ["fail", "pass", "pass"]
    assert document["scores"]["judge"]["judged"]["votes"]["agreement"] == 4 / 6
    assert (document["scores"]["judge"]["spent"]["calls"], again["scores"]["judge"]["spent"]["calls"]) == (6, 0)
    assert again["scores"]["judge"]["spent"]["cached"] == 6
    assert again["scores"]["judge"]["judged"] == document["scores"]["judge"]["judged"]


async def test_judging_is_paid_for_apart_from_answering(tmp_path: Path) -> None:
    async with scripted_server(chat_reply(PASS)) as server:
        write_run(tmp_path, server.url, ["a", "b"])
        document, results = await run(tmp_path)
    spent = document["scores"]["judge"]["spent"]
    assert (document["costs"]["answers_usd"] or 0, document["usage"]) == (0, None)
    assert document["cost_usd"] == document["costs"]["scoring_usd"] == document["judging"]["cost_usd"]
    assert (spent["calls"], spent["input_tokens"], spent["output_tokens"]) == (2, 10, 14)
    assert spent["cost_usd"] == (10 * 1 + 14 * 2) / 1e6
    assert all(result.scores["judge"].spent.latency_s > 0 for result in results.values())


async def test_the_labels_of_people_correct_the_mean(tmp_path: Path) -> None:
    """This judge lets everything pass; people let half of it pass."""
    answers = [f"answer {number}" for number in range(20)]
    rows = [{"id": answer, "output": answer, "label": number % 2} for number, answer in enumerate(answers[:10])]
    (tmp_path / "labels.jsonl").write_text("\n".join(json.dumps(row) for row in rows), encoding="utf-8")
    async with scripted_server(chat_reply(PASS)) as server:
        write_run(tmp_path, server.url, answers, calibration={"path": "labels.jsonl"})
        document, _ = await run(tmp_path)
    score = document["scores"]["judge"]
    measured = score["judged"]["calibration"]["measured"]
    assert score["mean"] == 1.0
    assert (measured["labelled"], measured["mean"], measured["bias"], measured["agreement"]) == (10, 0.5, 0.5, 0.5)
    low, high = measured["ci95"]
    assert low < 0.5 < high


def test_the_configuration_with_a_simulated_judge_runs_without_a_key(house: Path, document: Any) -> None:
    """That judge replies in five forms, breaks off, refuses, comes late: each view is there, or null with its kind."""
    done = document("run", "configs/judge.json", "--limit", "60", "--progress", "none")
    results = list(read_results(RunDirectory(house / done["run"]["dir"]), on_damage=lambda damage: None))
    assert (len(results), done["cases"]["failed"]) == (60, 0)
    faults: Counter[str] = Counter()
    for result in results:
        right, quality = result.scores["right"], result.scores["quality"]
        if right.value is None:
            faults["right"] += 1
            assert right.detail["failure"]["kind"] in KINDS_OF_JUDGE
        elif right.detail["decided_by"] == "judge":
            assert right.detail["verdict"] == "incorrect"  # it compares numbers, as the first scorer does
        for view in quality.detail["dimensions"].values():
            assert (view["value"] is None) == ("failure" in view)
            faults["quality"] += view["value"] is None
            assert view["value"] is not None or view["failure"]["kind"] in KINDS_OF_JUDGE
        assert (quality.value is None) == any(view["value"] is None for view in quality.detail["dimensions"].values())
    scores = done["scores"]
    assert scores["right"]["unscored"] == faults["right"]
    assert sum(scores["right"]["judged"]["no_verdict"].values()) == faults["right"]
    assert sum(scores["quality"]["judged"]["no_verdict"].values()) == faults["quality"] > 0
    assert scores["right"]["n"] + scores["right"]["unscored"] == 60
