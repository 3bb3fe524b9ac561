"""Foreign text is harmless, and numbers say what they are."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalperf.report.text import interval_text, number, percent, safe, score, seconds, share_of, time_texts


@given(st.text())
def test_safe_text_holds_no_control_of_any_kind(text):
    shown = safe(text)
    hidden = {"Cc", "Cs", "Zl", "Zp"}
    assert all(unicodedata.category(character) not in hidden for character in shown)
    assert not set(shown) & set("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\u200e\u200f\ufeff\u200b")
    shown.encode("utf-8")


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\x1b[31mred\x1b[0m", "\\x1b[31mred\\x1b[0m"),
        ("a\u202eb", "a\\u202eb"),
        ("two\nlines\tand tabs", "two lines and tabs"),
        ("\ud800", "\\ud800"),
        ("\U000e0041", "\\U000e0041"),
        ("ελληνικά 漢字 👩\u200d🚀 [bold]", "ελληνικά 漢字 👩\u200d🚀 [bold]"),
    ],
)
def test_what_hides_is_written_out_and_the_rest_left(text, shown):
    assert safe(text) == shown


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "not measured"),
        (0.0, "0 s"),
        (0.000004, "4 µs"),
        (0.0123, "12.3 ms"),
        (0.5, "500 ms"),
        (1.234, "1.23 s"),
        (59.96, "60 s"),
        (125.4, "2 min 05 s"),
        (7322.0, "2 h 02 min 02 s"),
    ],
)
def test_times_choose_their_unit(value, text):
    assert seconds(value) == text


@pytest.mark.parametrize(
    ("share", "text"), [(0.0, "0 %"), (0.0045, "0.45 %"), (0.5, "50 %"), (0.9999, "> 99.9 %"), (1.0, "100 %")]
)
def test_percentages_never_round_to_all_or_nothing(share, text):
    assert percent(share) == text


def test_numbers():
    assert (number(None), number(1234567), number(36.94), number(3870.4)) == (
        "not measured",
        "1,234,567",
        "36.9",
        "3,870",
    )
    assert (score(None), score(0.71234), score(1234.5)) == ("–", "0.712", "1,234.5")
    assert (interval_text(None), interval_text((0.5, 0.75))) == ("–", "[0.500, 0.750]")
    assert (share_of(9, 2000), share_of(0, 0)) == ("9 of 2,000 (0.45 %)", "0 of 0")


def test_quantiles_that_timeouts_reach_are_lower_bounds():
    """6 of 100 timed out: p95 and above are at least what was seen, p90 is exact."""
    times = {"n": 100, "p50": 1.0, "p90": 2.0, "p95": 60.0, "p99": 60.0, "max": 60.0, "timeouts": 6}
    assert dict(time_texts(times)) == {"p50": "1 s", "p90": "2 s", "p95": "≥ 60 s", "p99": "≥ 60 s", "max": "≥ 60 s"}
