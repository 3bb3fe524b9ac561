"""A server of answers, verdicts and vectors that knows what it has earned, and can keep its judge's clients waiting."""

from __future__ import annotations

import json
import re
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from tests.support.judging import quoted, verdict

PRICES = {
    "m": {"input_usd_per_mtok": 1000, "output_usd_per_mtok": 3000},
    "judge": {"input_usd_per_mtok": 500, "output_usd_per_mtok": 2000},
    "vectors": {"input_usd_per_mtok": 100, "output_usd_per_mtok": 0},
}
"""By model, in dollars for a million tokens; a character is a token here."""

_ANSWER = re.compile(rb"\xe5EPJ.{8}\x02", re.DOTALL)
"""How a journal's frame with an answer begins."""


class PaidServer(ThreadingHTTPServer):
    """Gives answers, vectors and so many verdicts; whoever asks for more verdicts waits for ever."""

    daemon_threads = True

    def __init__(self, verdicts: int) -> None:
        self.left = threading.Semaphore(verdicts)
        self.ended = threading.Event()
        self.given: Counter[tuple[str, str]] = Counter()
        """Replies by the model and what it was asked last; of vectors, by their texts."""
        self.earned_usd = 0.0
        self.waiting = 0
        """Whoever is kept waiting, or was."""
        self._lock = threading.Lock()
        super().__init__(("127.0.0.1", 0), _Handler)

    @property
    def verdicts(self) -> int:
        """How many were given."""
        return sum(count for (model, _), count in self.given.items() if model == "judge")

    def section(self, model: str, **more: Any) -> dict[str, Any]:
        """A provider or embedder of this server."""
        url = f"http://127.0.0.1:{self.server_address[1]}/v1"
        return {"type": "openai", "model": model, "endpoints": [{"url": url}], "prices": PRICES[model], **more}

    def reply_to(self, body: dict[str, Any]) -> dict[str, Any]:
        """What a paying client gets."""
        if body["model"] == "vectors":
            texts = body["input"]
            data = [{"index": at, "embedding": _vector(text)} for at, text in enumerate(texts)]
            return self._charged("vectors", json.dumps(texts), {"data": data}, sum(map(len, texts)), 0)
        asked, texts = body["messages"][-1]["content"], _texts(body)
        choices = [
            {"index": at, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}
            for at, text in enumerate(texts)
        ]
        return self._charged(body["model"], asked, {"choices": choices}, len(asked), sum(map(len, texts)))

    def _charged(self, model: str, asked: str, reply: dict[str, Any], read: int, written: int) -> dict[str, Any]:
        prices = PRICES[model]
        with self._lock:
            self.given[model, asked] += 1
            self.earned_usd += (read * prices["input_usd_per_mtok"] + written * prices["output_usd_per_mtok"]) / 1e6
        return {**reply, "model": model, "usage": {"prompt_tokens": read, "completion_tokens": written}}


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: PaidServer

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        if body["model"] == "judge" and not self.server.left.acquire(blocking=False):
            self.server.waiting += 1
            self.server.ended.wait()
            self.close_connection = True
            return
        content = json.dumps(self.server.reply_to(body)).encode()
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def serving(verdicts: int = 1_000_000) -> Iterator[PaidServer]:
    """Serves from a thread until the block ends."""
    with PaidServer(verdicts) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield server
        finally:
            server.ended.set()
            server.shutdown()
            thread.join()


def recorded(config: Path) -> int:
    """Answers in the journals of the runs of a configuration."""
    files = sorted(config.parent.glob("results/*/journal/*.wal"))
    return sum(len(_ANSWER.findall(file.read_bytes())) for file in files)


def _texts(body: dict[str, Any]) -> list[str]:
    """Answers that differ; of a case's the judge lets only the second pass."""
    asked = body["messages"][-1]["content"]
    if body["model"] == "m":
        return [f"{asked} Answer {number}." for number in range(1, body.get("n", 1) + 1)]
    if '"verdict"' in asked:
        (answer,) = quoted(asked, "answer")
        return [verdict("pass" if answer.endswith("Answer 2.") else "fail")]
    return [json.dumps({"reasoning": "r", "evidence": "", "score": 3, "confidence": 1})]


def _vector(text: str) -> list[float]:
    """Of 26 letters, how often each stands there: texts with the same letters are the same."""
    return [float(text.lower().count(chr(ord("a") + letter))) + 0.01 for letter in range(26)]
