from __future__ import annotations

from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.cells import cell_len

from evalperf.dashboard.draw import ASCII, UNICODE, Glyphs, bar, fit, glyphs_for, sparkline, width_of
from evalperf.dashboard.eta import Eta
from evalperf.dashboard.snapshot import EndpointNumbers, Happening, ScorerNumbers, Snapshot, Wait
from evalperf.dashboard.state import DashboardState
from evalperf.dashboard.view import picture
from tests.dashboard.draw_golden import PICTURES, drawn
from tests.dashboard.feeding import a_run, started, state_after, text_of

GOLDEN = Path(__file__).parent / "golden"
RUN = state_after(a_run()).snapshot(68.4)
names = st.text(max_size=60)
counts = st.integers(min_value=0, max_value=10**13)
shares = st.floats(min_value=0, max_value=1)


@pytest.mark.parametrize("name", PICTURES)
def test_the_picture_is_as_it_was_approved(name: str) -> None:
    """After a wanted change: python -m tests.dashboard.draw_golden, and look at the difference."""
    assert drawn(name) == (GOLDEN / f"{name}.txt").read_text(encoding="utf-8")


@st.composite
def snapshots(draw: st.DrawFn) -> Snapshot:
    endpoints = st.builds(EndpointNumbers, names, counts, shares, counts, st.one_of(st.none(), st.floats(0, 1e5)))
    scorers = st.builds(ScorerNumbers, names, st.integers(1, 10**9), st.floats(-1e12, 1e12), st.floats(0, 1e20))
    happenings = st.builds(Happening, st.floats(0, 1e8), names, names, st.integers(1, 10**9))
    etas = st.builds(Eta, st.floats(0, 1e9), st.one_of(st.none(), st.floats(0, 1e12)))
    return msgspec.structs.replace(
        RUN,
        name=draw(names),
        model=draw(st.one_of(st.none(), names)),
        run_id=draw(names),
        status=draw(st.sampled_from(("running", "complete", "interrupted", "failed"))),
        elapsed_s=draw(st.floats(0, 1e8)),
        total=draw(st.one_of(st.none(), counts)),
        resumed=draw(counts),
        ok=draw(counts),
        failed=draw(counts),
        in_flight=draw(counts),
        machine=draw(st.sampled_from((None, RUN.machine))),
        eta=draw(st.one_of(st.none(), etas)),
        endpoints=tuple(draw(st.lists(endpoints, max_size=14))),
        scorers=tuple(draw(st.lists(scorers, max_size=6))),
        happenings=tuple(draw(st.lists(happenings, max_size=9))),
        failures=draw(st.dictionaries(names, counts, max_size=6)),
        waits=draw(st.dictionaries(names, st.builds(Wait, st.integers(1, 10**9), st.floats(0, 1e9)), max_size=3)),
        cost_usd=draw(st.one_of(st.none(), st.floats(0, 1e9))),
    )


@settings(max_examples=150, deadline=None)
@given(snapshots(), st.integers(1, 200), st.integers(1, 60), st.sampled_from((UNICODE, ASCII)))
def test_no_picture_is_wider_or_taller_than_its_terminal(
    snapshot: Snapshot, width: int, height: int, glyphs: Glyphs
) -> None:
    """Whatever the numbers and the names; and nothing in it steers the terminal."""
    lines = picture(snapshot, width, height, glyphs)
    assert 1 <= len(lines) <= max(1, height - 1)
    assert {width_of(line) for line in lines} == {width}
    assert all(text.isprintable() for line in lines for text, _ in line)


@pytest.mark.parametrize("size", [(60, 16), (80, 24), (80, 60), (110, 30), (120, 40), (200, 60)])
def test_what_is_needed_most_is_always_there(size: tuple[int, int]) -> None:
    text = text_of(picture(RUN, *size, UNICODE))
    for needed in (
        "running 1:08",
        "left 0:25–0:28",
        "1,468/2,000",
        "✘ 7 failed",
        "p95 1.04 s",
        ".720 ±.024",
        "cases/s",
    ):
        assert needed in text


def test_the_medium_picture_never_needs_more_than_22_rows() -> None:
    endpoints = tuple(EndpointNumbers(f"e{n}", n, 0.0, 0, 1.0) for n in range(9))
    lines = picture(msgspec.structs.replace(RUN, endpoints=endpoints), 80, 60, UNICODE)
    assert len(lines) <= 22
    assert "and 6 more" in text_of(lines)


def test_control_characters_and_markup_are_shown_and_not_obeyed() -> None:
    happening = Happening(1.0, "failed", "\x1b[2J\x07[bold]x[/bold]\u202e", 1)
    text = text_of(picture(msgspec.structs.replace(RUN, happenings=(happening,)), 120, 40, UNICODE))
    assert " [2J [bold]x[/bold]" in text
    assert not {"\x1b", "\x07", "\u202e"} & set(text)


def test_wide_characters_take_two_cells() -> None:
    line = fit([("日本語テスト", "")], 7)
    assert cell_len("".join(text for text, _ in line)) == 7


def test_a_run_that_has_just_begun_has_dashes_for_numbers() -> None:
    text = text_of(picture(state_after([started()]).snapshot(0.0), 120, 40, UNICODE))
    assert "p50 —" in text
    assert "no score yet" in text
    assert "0 %" in text


def test_an_empty_state_can_be_drawn() -> None:
    assert picture(DashboardState().snapshot(0.0), 120, 40, UNICODE)


@given(shares, st.integers(2, 100))
def test_a_bar_is_empty_at_nothing_and_full_only_at_all(share: float, width: int) -> None:
    text = "".join(part for part, _ in bar(share, width, "", UNICODE))
    assert len(text) == width
    assert ("━" in text) == (share > 0)
    assert ("┄" in text) == (share < 1)


def test_a_sparkline_shows_zero_as_nothing_and_little_as_something() -> None:
    assert sparkline([0, 0.001, 8], 4, "", UNICODE) == [("  ▁█", "")]


def test_an_encoding_without_blocks_gets_ascii() -> None:
    assert glyphs_for("utf-8") is UNICODE
    assert glyphs_for("latin-1") is ASCII
    assert glyphs_for(None) is ASCII
    assert text_of(picture(RUN, 80, 24, ASCII)).isascii()
