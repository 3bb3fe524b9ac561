from __future__ import annotations

import io

import pytest

from evalperf.dashboard import choose_mode
from evalperf.dashboard.terminal import terminal_size
from tests.dashboard.feeding import FakeTerminal

LARGE = {"COLUMNS": "120", "LINES": "40", "TERM": "xterm-256color"}


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        (LARGE, "live"),
        ({**LARGE, "CI": "true"}, "plain"),
        ({**LARGE, "CI": "false"}, "live"),
        ({**LARGE, "TTY_INTERACTIVE": "0"}, "plain"),
        ({**LARGE, "TERM": "dumb"}, "tqdm"),
        ({**LARGE, "COLUMNS": "59"}, "tqdm"),
        ({**LARGE, "LINES": "15"}, "tqdm"),
        ({**LARGE, "COLUMNS": "60", "LINES": "16"}, "live"),
    ],
)
def test_auto_goes_by_the_terminal(environ: dict[str, str], expected: str) -> None:
    assert choose_mode("auto", environ, FakeTerminal()) == expected


def test_a_pipe_gets_plain_lines() -> None:
    assert choose_mode("auto", LARGE, io.StringIO()) == "plain"
    assert choose_mode("live", LARGE, io.StringIO()) == "plain"


@pytest.mark.parametrize("mode", ["live", "tqdm", "plain", "json", "none"])
def test_a_choice_stands(mode: str) -> None:
    assert choose_mode(mode, {"CI": "1", "TERM": "dumb"}, FakeTerminal()) == mode  # type: ignore[arg-type]


def test_the_size_of_no_terminal_is_the_environments_or_the_usual_one() -> None:
    assert terminal_size(io.StringIO(), {"COLUMNS": "99", "LINES": "33"}) == (99, 33)
    assert terminal_size(io.StringIO(), {"COLUMNS": "wide", "LINES": "-1"}) == (80, 24)
