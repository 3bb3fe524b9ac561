"""Synthetic runs for the dashboard's tests: events without a pipeline, the same ones every time."""

from __future__ import annotations

import io
import random
import re
from collections.abc import Iterator

from evalperf.dashboard.draw import Line
from evalperf.dashboard.state import DashboardState
from evalperf.events import (
    CaseFinished,
    CaseRetried,
    CaseStarted,
    EndpointSample,
    Event,
    MemberWritten,
    Noticed,
    RunStarted,
    Sampled,
    Throttled,
)
from evalperf.records import Failure, Result, Score, Usage


class FakeTerminal(io.StringIO):
    """A terminal without a file descriptor: its size comes from COLUMNS and LINES."""

    encoding = "utf-8"

    def isatty(self) -> bool:
        return True


class Screen:
    """What a terminal shows after the few codes that rich sends, each line without its trailing spaces."""

    def __init__(self, output: str) -> None:
        self.rows: list[str] = [""]
        self.cursor_shown = True
        self._row = 0
        self._column = 0
        for code, letter, text in re.findall(r"\x1b\[([?0-9;]*)([A-Za-z])|([^\x1b])", output):
            if text:
                self._put(text)
            else:
                self._obey(code, letter)

    @property
    def lines(self) -> list[str]:
        return [row.rstrip() for row in self.rows]

    def _put(self, text: str) -> None:
        if text == "\r":
            self._column = 0
        elif text == "\n":
            self._row, self._column = self._row + 1, 0
            self.rows += [""] * (self._row + 1 - len(self.rows))
        else:
            row = self.rows[self._row].ljust(self._column)
            self.rows[self._row] = row[: self._column] + text + row[self._column + 1 :]
            self._column += 1

    def _obey(self, code: str, letter: str) -> None:
        if letter == "A":
            self._row = max(0, self._row - int(code or 1))
        elif letter == "K":
            self.rows[self._row] = ""
        elif letter == "H":
            self._row = self._column = 0
        elif letter == "J":
            self.rows = [""]
        elif code == "?25":
            self.cursor_shown = letter == "h"
        else:
            assert letter == "m", f"an unexpected code: {code}{letter}"


def text_of(lines: list[Line]) -> str:
    return "".join("".join(text for text, _ in line).rstrip() + "\n" for line in lines)


def started(**changes: object) -> RunStarted:
    fields: dict[str, object] = {
        "at_s": 0.0,
        "run_id": "20261120-143005-quickstart-3f9a",
        "run_dir": "results/20261120-143005-quickstart-3f9a",
        "name": "gsm8k-mini",
        "model": "sim-small",
        "total": 2_000,
        "resumed": 0,
        "workers": 40,
        "scorers": ("exact", "answer"),
    }
    return RunStarted(**(fields | changes))  # type: ignore[arg-type]


def result(seq: int = 1, **changes: object) -> Result:
    failed = changes.get("failure") is not None
    fields: dict[str, object] = {
        "seq": seq,
        "id": f"case-{seq}",
        "epoch": 1,
        "status": "failed" if failed else "ok",
        "input": "1 + 1",
        "output": None if failed else "2",
        "target": "2",
        "scores": {},
        "overall_score": None,
        "failure": None,
        "model": "sim-small",
        "endpoint": "sim-a",
        "attempts": 1,
        "cached": None,
        "latency_s": 0.2,
        "ttft_s": None,
        "queue_s": 0.0,
        "throttled_s": 0.0,
        "retry_wait_s": 0.0,
        "score_s": 0.0,
        "usage": None,
        "cost_usd": None,
        "finish_reason": "stop",
        "started_at": "2026-11-20T14:30:05.000000Z",
        "tags": (),
        "metadata": {},
    }
    return Result(**(fields | changes))  # type: ignore[arg-type]


def sampled(at_s: float, **changes: object) -> Sampled:
    fields: dict[str, object] = {
        "at_s": at_s,
        "cpu_share": 0.34,
        "rss_bytes": 118_000_000,
        "in_flight": 32,
        "workers": 40,
        "waiting_retries": 2,
        "queued_cases": 64,
        "queued_results": 3,
        "loop_lag_s": 0.004,
        "limited_by": "server",
    }
    return Sampled(**(fields | changes))  # type: ignore[arg-type]


ENDPOINTS = (
    EndpointSample(name="sim-a", in_flight=20, limit=24, waiting=0, requests_per_s=None, breaker="closed"),
    EndpointSample(name="sim-b", in_flight=9, limit=16, waiting=3, requests_per_s=8.0, breaker="closed"),
    EndpointSample(name="eu.gateway.example", in_flight=0, limit=8, waiting=0, requests_per_s=None, breaker="open"),
)


def a_run(cases: int = 1_368, seed: int = 7) -> Iterator[Event]:
    """Twenty cases a second through three endpoints, with retries, failures, cached answers and a few notices."""
    drawn = random.Random(seed)
    yield started(resumed=100, caches=True)
    for seq in range(1, cases + 1):
        at_s = seq / 20
        endpoint = drawn.choices(("sim-a", "sim-b", "eu.gateway.example"), (5, 3, 1))[0]
        yield CaseStarted(at_s, seq)
        if drawn.random() < 0.04:
            yield CaseRetried(at_s, seq, drawn.choice(("rate_limited", "timeout")), endpoint, 1.5)
            yield CaseStarted(at_s, seq)
        if drawn.random() < 0.02:
            yield Throttled(at_s, endpoint, "requests_per_minute", 0.3)
        yield CaseFinished(at_s, _drawn_result(seq, endpoint, drawn))
        if seq % 20 == 0:
            yield sampled(
                at_s,
                cpu_share=0.3 + drawn.random() / 10,
                limited_by="rate_limit" if seq % 80 == 0 else "server",
                endpoints=ENDPOINTS,
            )
            yield MemberWritten(at_s, 20, 5_000)
        if seq % 400 == 0:
            yield Noticed(at_s, "warning", "eu.gateway.example answers slowly")
    for seq in range(cases + 1, cases + 33):
        yield CaseStarted(cases / 20, seq)


def _drawn_result(seq: int, endpoint: str, drawn: random.Random) -> Result:
    latency_s = drawn.lognormvariate(-0.6, 0.4)
    if drawn.random() < 0.007:
        failure = Failure(kind="timeout", message="no answer within 60 s", retryable=True)
        return result(seq, endpoint=endpoint, failure=failure, latency_s=latency_s, attempts=5)
    scores = {name: Score(value=float(drawn.random() < mean)) for name, mean in (("exact", 0.71), ("answer", 0.78))}
    cached = "disk" if drawn.random() < 0.08 else None
    return result(
        seq,
        endpoint=None if cached else endpoint,
        cached=cached,
        latency_s=None if cached else latency_s,
        ttft_s=None if cached else latency_s / 3,
        scores=scores,
        usage=Usage(210, 105),
        cost_usd=0.00003,
    )


def state_after(events: Iterator[Event] | list[Event]) -> DashboardState:
    state = DashboardState()
    for event in events:
        state.observe(event)
    return state
