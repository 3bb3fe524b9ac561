"""The four ways to show a run, each against the same events on a virtual clock."""

from __future__ import annotations

import asyncio
import io
import json
import re
from collections.abc import Mapping

import pytest

from evalperf.dashboard import Mode, open_progress
from evalperf.events import Bus, CaseFinished, Event, Noticed, RunFinished
from tests.dashboard.feeding import FakeTerminal, a_run, result, started
from tests.support.virtual_loop import run_virtual

AT_ONCE = {"COLUMNS": "100", "LINES": "30"}


def shown(mode: Mode, stderr: io.StringIO, events: list[Event], environ: Mapping[str, str] = AT_ONCE) -> str:
    """What is on `stderr` when each event came at its own time."""

    async def run() -> None:
        bus = Bus()
        async with open_progress(mode, bus, environ=environ, stderr=stderr):
            for event in events:
                wait_s = event.at_s - asyncio.get_running_loop().time()
                if wait_s > 0.001:
                    await asyncio.sleep(wait_s)
                bus.emit(event)

    run_virtual(run())
    return stderr.getvalue()


def finished_run() -> list[Event]:
    return [*a_run(), RunFinished(68.4, "complete")]


# plain ----------------------------------------------------------------------------------------------------------------


def test_a_log_gets_a_line_in_ten_seconds_and_at_each_tenth() -> None:
    lines = shown("auto", io.StringIO(), finished_run()).splitlines()
    assert lines[0] == (
        "evalperf run 20261120-143005-quickstart-3f9a"
        " · gsm8k-mini 2,000 cases · sim-small · 40 workers · 100 done before"
    )
    progress = [line for line in lines if "cases/s" in line]
    assert 8 <= len(progress) <= 15
    assert [line.split("]")[0] for line in progress] == sorted(
        {line.split("]")[0] for line in progress}, key=lambda s: (len(s), s)
    )
    assert re.fullmatch(
        r"\[0:5\d\]   60 %  1,2\d\d/2,000  20\.0 cases/s  p95 1\.\d\d s  ok [\d,]+  failed \d+  retried \d+"
        r"  cached \d+ \(7\.9 %\)  cost \$0\.\d+  in flight \d+  limited by \w+  left 0:3\d–0:\d\d",
        progress[-3],
    )


def test_a_log_has_no_escape_codes_and_no_carriage_returns() -> None:
    assert not {"\x1b", "\r"} & set(shown("plain", io.StringIO(), finished_run()))


def test_the_last_line_says_what_became_of_the_run() -> None:
    lines = shown("plain", io.StringIO(), finished_run()).splitlines()
    assert lines[-1].endswith("complete")
    assert "100 %" in lines[-1]


def test_a_short_run_is_two_lines() -> None:
    events = [started(total=1), CaseFinished(0.1, result()), RunFinished(0.2, "complete")]
    assert len(shown("plain", io.StringIO(), events).splitlines()) == 2


def test_a_notice_is_a_line_of_its_own_once() -> None:
    events = [
        started(),
        Noticed(1.0, "warning", "slow \x1b[2J"),
        Noticed(2.0, "warning", "slow \x1b[2J"),
        RunFinished(5.0, "failed"),
    ]
    notices = [line for line in shown("plain", io.StringIO(), events).splitlines() if "warning" in line]
    assert notices == ["[0:01] warning: slow  [2J"]


def test_a_build_log_is_three_times_as_short() -> None:
    events: list[Event] = [started(total=None), RunFinished(120.0, "complete")]
    assert len(shown("plain", io.StringIO(), events).splitlines()) == 1 + 12
    assert len(shown("plain", io.StringIO(), events, {"CI": "true"}).splitlines()) == 1 + 4


# json -----------------------------------------------------------------------------------------------------------------


def test_programs_get_an_object_a_second() -> None:
    documents = [json.loads(line) for line in shown("json", io.StringIO(), finished_run()).splitlines()]
    assert len(documents) in {68, 69, 70}
    assert {document["status"] for document in documents[:-1]} == {"running"}
    last = documents[-1]
    assert last["status"] == "complete"
    assert last["cases"] == {"total": 1468, "ok": 1361, "failed": 7, "cached": 114, "resumed": 100}
    assert last["cache"] == {"hits": 114, "misses": 1254, "hit_rate": 114 / 1368}
    assert last["failures"] == {"timeout": 7}
    assert last["scores"]["exact"]["n"] == 1361
    low, high = last["scores"]["exact"]["ci95"]
    assert low < last["scores"]["exact"]["mean"] < high
    assert set(last["latency_s"]) == {"p50", "p90", "p95", "p99"}
    assert sum(last["limited_by"].values()) == pytest.approx(1)


def test_json_is_ascii_whatever_the_names() -> None:
    text = shown("json", io.StringIO(), [started(name="größe \ud800"), RunFinished(0.5, "complete")])
    assert text.isascii()
    assert json.loads(text.splitlines()[-1])["run"]["name"] == "größe \ud800"


def test_what_is_not_known_is_null() -> None:
    document = json.loads(
        shown("json", io.StringIO(), [started(total=None), RunFinished(0.5, "failed")]).splitlines()[-1]
    )
    assert document["cases"]["total"] is None
    assert document["latency_s"]["p50"] is None
    assert document["cost_usd"] is None
    assert document["cache"] is None


# tqdm -----------------------------------------------------------------------------------------------------------------


def test_a_dumb_terminal_gets_a_bar() -> None:
    text = shown("auto", FakeTerminal(), finished_run(), {"TERM": "dumb"})
    last = text.split("\r")[-1]
    assert "100%" in last
    assert "1468/1468" in last
    assert "failed 7, retried 53" in last
    assert last.endswith("\n")
    assert "\x1b" not in text


def test_no_mode_writes_before_or_without_a_run() -> None:
    for mode in ("plain", "json", "tqdm"):
        assert shown(mode, io.StringIO(), []) == ""


def test_none_is_silent() -> None:
    assert shown("none", FakeTerminal(), finished_run()) == ""
