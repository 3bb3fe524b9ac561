"""The report as Markdown."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from evalperf.config.model import Gate
from evalperf.report import RENDERERS, RunFacts

EXPECTED = Path(__file__).with_name("expected") / "complete.md"


def page_of(report):
    return RENDERERS["markdown"](report).decode()


def test_the_page_is_as_written(make_report):
    """To write it anew, delete the file in expected/ and run the test twice."""
    page = page_of(make_report(gates=(Gate(metric="exact.mean", min=0.5),), by="task"))
    if not EXPECTED.exists():
        EXPECTED.write_text(page, encoding="utf-8")
        pytest.fail(f"{EXPECTED.name} was not there; look at what is there now")
    assert page == EXPECTED.read_text(encoding="utf-8")


def test_text_of_cases_can_not_become_markup(make_report, make_result):
    evil = "| <script>x</script> | **b** `c` [l](http://x)\n# title"
    page = page_of(make_report([make_result(1, value=0.0, id=evil, output=evil)]))
    [row] = [
        line for line in page.splitlines() if line.startswith("| \\|") and "expected" not in line and "5" not in line
    ]
    assert len(re.findall(r"(?<!\\)\|", row)) == 5
    assert not re.search(r"(?<!\\)[<`*\[]", row)


def test_a_loud_line_is_a_quote(make_report):
    page = page_of(make_report(facts=RunFacts(total=20), warnings=("part-00001 is damaged",)))
    assert "> **Warning:** unfinished (interrupted): 12 of 20 cases are done" in page
    assert "> **Warning:** part-00001 is damaged" in page
