"""A run that may not spend more: it ends cleanly, says so, and goes on with more money without asking twice."""

from __future__ import annotations

import json
import re
import threading
import time
from collections import Counter
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from evalperf.results import RunDirectory, read_results

CASES = 120
INPUT_TOKENS, OUTPUT_TOKENS = 100, 50
CALL_USD = (INPUT_TOKENS * 10 + OUTPUT_TOKENS * 20) / 1e6  # 0.002


class Server(ThreadingHTTPServer):
    """Answers every chat with 4 after 20 ms and counts who was asked what."""

    daemon_threads = True

    def __init__(self) -> None:
        self.asked: Counter[tuple[str, str]] = Counter()
        super().__init__(("127.0.0.1", 0), Handler)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/v1"

    def of(self, model: str) -> Counter[str]:
        """How often this model was asked each question."""
        return Counter({question: count for (name, question), count in self.asked.items() if name == model})


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Server

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        self.server.asked[body["model"], body["messages"][-1]["content"]] += 1
        time.sleep(0.02)
        text = '{"reasoning": "r", "verdict": "pass"}' if body["model"] == "judge" else "4"
        self.reply(
            {
                "model": body["model"],
                "choices": [{"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}],
                "usage": {"prompt_tokens": INPUT_TOKENS, "completion_tokens": OUTPUT_TOKENS},
            }
        )

    def do_GET(self) -> None:
        self.reply({"data": []})

    def reply(self, value: Any) -> None:
        content = json.dumps(value).encode()
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def server() -> Iterator[Server]:
    with Server() as running:
        thread = threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield running
        running.shutdown()
        thread.join()


def provider(server: Server, model: str = "m", *, priced: bool = True) -> dict[str, Any]:
    prices = {"prices": {"input_usd_per_mtok": 10, "output_usd_per_mtok": 20}} if priced else {}
    params = {"max_tokens": 60}
    return {"type": "openai", "model": model, "params": params, "endpoints": [{"url": server.url}], **prices}


def write(folder: Path, server: Server, **more: Any) -> Path:
    """A configuration over 120 cases, with the cache off: nothing but the run itself keeps answers."""
    lines = [json.dumps({"id": f"c{n}", "input": f"What is 2 + 2 ({n})?", "target": "4"}) for n in range(CASES)]
    (folder / "cases.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")
    config = {
        "cases": {"path": "cases.jsonl"},
        "provider": provider(server),
        "concurrency": {"workers": 8},
        "cache": {"responses": {"strategy": "off"}},
        "scorers": ["exact"],
        **more,
    }
    path = folder / "eval.json"
    path.write_text(json.dumps(config), encoding="utf-8")
    return path


def spent_usd(document: dict[str, Any]) -> float:
    rows = read_results(RunDirectory(Path(document["run"]["dir"])))
    return sum(row.cost_usd or 0.0 for row in rows)


def test_a_budget_ends_the_run_and_a_larger_one_completes_it(tmp_path: Path, server: Server, evalperf) -> None:
    """Exit 3, what was spent and how to go on; then complete, and each case asked exactly once over both sessions."""
    write(tmp_path, server, budget={"max_cost_usd": 0.1})
    stopped = evalperf("run", "eval.json", "--json", "-q", code=3)
    document = json.loads(stopped.stdout)
    assert document["status"] == "failed"
    assert re.search(r"\$0\.\d{4} of \$0\.1 is spent, and the next call may take \$0\.00\d\d", stopped.stderr)
    assert "raise budget.max_cost_usd, then continue with --resume" in stopped.stderr
    spent = spent_usd(document)
    assert 0.08 <= spent <= 0.1 + 8 * CALL_USD  # by no more than the calls in flight
    assert document["cases"]["done"] == round(spent / CALL_USD) == sum(server.asked.values())

    again = evalperf("run", "eval.json", "--json", "-q", "--resume", code=3)  # the money is gone in this session, too
    assert sum(server.asked.values()) <= document["cases"]["done"] + 8
    assert json.loads(again.stdout)["run"]["id"] == document["run"]["id"]

    raised = evalperf("run", "eval.json", "--json", "-q", "--resume", "--set", "budget.max_cost_usd=1")
    finished = json.loads(raised.stdout)
    assert (finished["status"], finished["cases"]["ok"]) == ("complete", CASES)
    assert set(server.asked.values()) == {1}
    assert spent_usd(finished) == pytest.approx(CASES * CALL_USD)


def test_tokens_are_a_budget_that_needs_no_price(tmp_path: Path, server: Server, evalperf) -> None:
    write(tmp_path, server, provider=provider(server, priced=False), budget={"max_tokens": 3000})
    stopped = evalperf("run", "eval.json", "-q", code=3)
    assert "of 3,000 tokens are spent" in stopped.stderr
    assert "raise budget.max_tokens" in stopped.stderr
    assert 10 <= sum(server.asked.values()) <= 3000 / 150 + 8
    finished = evalperf("run", "eval.json", "--json", "-q", "--resume", "--set", "budget.max_tokens=null")
    assert json.loads(finished.stdout)["cases"]["ok"] == CASES
    assert set(server.asked.values()) == {1}


def test_a_judge_spends_from_the_same_budget_and_no_paid_answer_is_lost(
    tmp_path: Path, server: Server, evalperf
) -> None:
    """Cases that were answered when the money for their judge ran out are judged later, not answered again."""
    judge = {
        "type": "judge",
        "provider": provider(server, "judge"),
        "rubric": {"type": "pass_fail", "criterion": "right"},
    }
    write(tmp_path, server, scorers=[judge], budget={"max_cost_usd": 0.1})
    evalperf("run", "eval.json", "-q", code=3)
    assert 0.08 / CALL_USD <= sum(server.asked.values()) <= 0.1 / CALL_USD + 8
    finished = evalperf("run", "eval.json", "--json", "-q", "--resume", "--set", "budget.max_cost_usd=5")
    assert json.loads(finished.stdout)["cases"]["ok"] == CASES
    assert set(server.of("m").values()) == {1}
    assert set(server.of("judge").values()) == {1}


@pytest.mark.parametrize(
    ("more", "named"),
    [
        ({}, "the cost of m (provider) is unknown"),
        ({"fallback": "unpriced"}, "the cost of other (fallback) is unknown"),
        ({"scorers": "unpriced"}, "the cost of judge (a scorer's provider) is unknown"),
    ],
)
def test_dollars_need_a_price_for_every_model(
    tmp_path: Path, server: Server, evalperf, more: dict[str, Any], named: str
) -> None:
    """A configuration error before anything is asked or a directory is made."""
    sections: dict[str, Any] = {"provider": provider(server, priced=bool(more))}
    if "fallback" in more:
        sections["fallback"] = provider(server, "other", priced=False)
    if "scorers" in more:
        rubric = {"type": "pass_fail", "criterion": "right"}
        sections["scorers"] = [{"type": "judge", "provider": provider(server, "judge", priced=False), "rubric": rubric}]
    write(tmp_path, server, budget={"max_cost_usd": 1}, **sections)
    refused = evalperf("run", "eval.json", "-q", code=2)
    assert named in refused.stderr
    assert '"prices"' in refused.stderr
    assert not server.asked
    assert not (tmp_path / "results").exists()


def test_a_deadline_ends_the_session_and_calls_under_way_still_land(tmp_path: Path, server: Server, evalperf) -> None:
    write(tmp_path, server, concurrency={"workers": 1}, budget={"deadline_s": 0.3})
    stopped = evalperf("run", "eval.json", "--json", "-q", code=3)
    assert "the deadline of 0.3 s has passed" in stopped.stderr
    assert "--resume" in stopped.stderr
    done = json.loads(stopped.stdout)["cases"]["done"]
    assert done == sum(server.asked.values()) < CASES
    evalperf("run", "eval.json", "-q", "--resume", "--set", "budget.deadline_s=60")
    assert set(server.asked.values()) == {1}
