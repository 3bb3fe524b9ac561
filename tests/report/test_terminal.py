"""The summary on a terminal: what it says, how wide it is, and what data can't do to it."""

from __future__ import annotations

import io
from pathlib import Path

import msgspec
import pytest
from rich.cells import cell_len
from rich.console import Console

from evalperf.config.model import Gate
from evalperf.records import Failure, Score
from evalperf.report import RENDERERS, RunFacts, RunRow
from evalperf.report.terminal import ReportView, RunList, render

EXPECTED = Path(__file__).with_name("expected")
GATES = (
    Gate(metric="exact.mean", min=0.5),
    Gate(metric="failed.share", max=0.01),
    Gate(metric="cost_usd", min=0, max=1),
)
EVIL = "\x1b[2J\x1b]0;owned\x07 \u202edesrever [red]loud[/red] :boom: \x9b31m"


def text_of(report):
    return RENDERERS["terminal"](report).decode()


def on_console(report, **environ):
    page = io.StringIO()
    console = Console(file=page, width=80, force_terminal=True, _environ={"TERM": "xterm-256color", **environ})
    console.print(ReportView(report), soft_wrap=True)
    return page.getvalue()


@pytest.mark.parametrize("name", ["complete", "interrupted"])
def test_the_summary_is_as_drawn(make_report, name):
    """To draw it anew, delete the file in expected/ and run the test twice."""
    facts = {"facts": RunFacts(total=20)} if name == "interrupted" else {}
    warnings = ("results/part-00001.jsonl.gz at byte 12: bad checksum (12 results)",) if facts else ()
    text = text_of(make_report(gates=GATES, by="task", warnings=warnings, **facts))
    drawn = EXPECTED / f"{name}.txt"
    if not drawn.exists():
        drawn.write_text(text, encoding="utf-8")
        pytest.fail(f"{drawn.name} was not there; look at what is there now")
    assert text == drawn.read_text(encoding="utf-8")


def test_no_line_is_wider_than_80_cells(make_report, make_result):
    """Only what is to be copied may be: paths and commands."""
    wide = "漢字" * 60
    results = [
        make_result(1, value=0.0, id=wide, input=wide, output=wide, target=wide, attempts=3, metadata={"g": wide}),
        make_result(2, id=wide, failure=Failure(kind="timeout", message=wide), status="failed"),
        make_result(3, scores={"s" * 90: Score(value=None)}),
    ]
    facts = RunFacts(synthetic=("word " * 60,), limited_by={"server": 0.5, "client_cpu": 0.5})
    report = make_report(results, by="g", facts=facts, warnings=("broken " * 40,))
    wider = [line for line in text_of(report).splitlines() if cell_len(line) > 80]
    assert [line.split()[0] for line in wider] == ["resume"]


def test_the_three_headline_numbers_stand_together(make_report):
    text = text_of(make_report())
    assert "exact     0.700  [0.397, 0.892]           10  0.583" in text
    assert "failed      2 of 12 (16.7 %): 1 bad_reply, 1 timeout" in text


def test_an_unfinished_run_says_so_first(make_report):
    lines = text_of(make_report(facts=RunFacts(total=20))).splitlines()
    assert lines[2] == "! unfinished (interrupted): 12 of 20 cases are done"
    assert "resume      evalperf run 'quick start.json' --resume results/20261120-143005-quickstart-3f9a" in lines


def test_a_run_without_results_says_that_nothing_was_measured(make_report):
    text = text_of(make_report([]))
    assert "! no results: nothing was measured" in text
    assert "latency" not in text


def test_states_are_words_too(make_report):
    text = text_of(make_report(gates=GATES))
    assert "✔ held    exact.mean ≥ 0.5" in text
    assert "✘ broken  failed.share ≤ 0.01" in text
    assert "cost_usd ≥ 0 and ≤ 1  not measured" in text
    assert text.endswith("✘ 2 of 3 gates not held\n")


def test_nothing_in_the_data_reaches_the_terminal_as_a_command(make_report, make_result):
    fields = {"id": EVIL, "input": EVIL, "target": EVIL, "metadata": {"g": EVIL}}
    results = [
        make_result(1, value=0.0, output=EVIL, **fields),
        make_result(2, failure=Failure(kind="timeout", message=EVIL), status="failed", **fields),
    ]
    report = make_report(results, by="g", warnings=(EVIL,), facts=RunFacts(synthetic=(EVIL,)))
    for renderer in ("terminal", "markdown"):
        page = RENDERERS[renderer](report).decode()
        assert not set(page) & set("\x1b\x07\x9b\u202e"), renderer
    assert "[red]loud[/red] :boom:" in text_of(report)


def test_the_runs_own_names_are_shown_harmless_too(make_report):
    report = make_report()
    run = {**report.document["run"], "name": EVIL, "model": EVIL, "dir": EVIL}
    page = text_of(msgspec.structs.replace(report, document={**report.document, "run": run}, place=EVIL))
    assert not set(page) & set("\x1b\x07\x9b\u202e")


def test_colour_is_dropped_on_demand(make_report):
    report = make_report(gates=GATES)
    assert "\x1b[1;91m" in on_console(report)
    plain = on_console(report, NO_COLOR="1")
    assert "\x1b[1;91m" not in plain
    assert "\x1b[36m" not in plain


def test_many_groups_are_cut_with_a_word(make_report, make_result):
    results = [make_result(seq, value=1.0, metadata={"g": seq}) for seq in range(60)]
    assert "… and 10 smaller groups" in text_of(make_report(results, by="g"))


def test_runs_are_listed_latest_first():
    known = RunRow(
        id="20261120-143005-a-3f9a",
        name="a",
        status="complete",
        started_at=None,
        done=2000,
        failed=9,
        score="exact",
        mean=0.7,
        ci95=(0.68, 0.72),
    )
    nothing = dict.fromkeys(("started_at", "done", "failed", "score", "mean", "ci95"))
    rows = [known, RunRow(id="20261119-1", name="b", status="interrupted", **nothing)]
    assert render(RunList(rows)).decode().splitlines() == [
        "run                     status            done   failed  score",
        "20261120-143005-a-3f9a  complete         2,000        9  exact 0.700 [0.680, 0.720]",
        "20261119-1              interrupted          –        –",
    ]
