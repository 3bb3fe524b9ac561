from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalperf.dashboard import numbers
from evalperf.dashboard.eta import Eta


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [
        (0.0003, "0.3 ms"),
        (0.0996, "100 ms"),
        (0.547, "547 ms"),
        (0.9996, "1.00 s"),
        (1.071, "1.07 s"),
        (12.34, "12.3 s"),
    ],
)
def test_durations(seconds: float, shown: str) -> None:
    assert " ".join(numbers.duration(seconds)) == shown


@pytest.mark.parametrize(
    ("seconds", "shown"), [(0.9, "0:00"), (102, "1:42"), (3_725, "1:02:05"), (183_600, "2d 03:00:00")]
)
def test_clock_times(seconds: float, shown: str) -> None:
    assert numbers.clock_time(seconds) == shown


@pytest.mark.parametrize(
    ("share", "shown"),
    [(0, "0 %"), (0.0004, "<0.1 %"), (0.031, "3.1 %"), (0.684, "68 %"), (0.9999, "99 %"), (1, "100 %")],
)
def test_percents_never_round_to_none_or_all(share: float, shown: str) -> None:
    assert numbers.percent(share) == shown


@pytest.mark.parametrize(
    ("value", "shown"),
    [(0.7124, ".712"), (1.0, "1.000"), (-0.25, "-.250"), (12.345, "12.3"), (1234.5, "1,234"), (0.0, ".000")],
)
def test_scores(value: float, shown: str) -> None:
    assert numbers.score(value) == shown


@pytest.mark.parametrize(("per_s", "shown"), [(0, "0.0"), (0.42, "0.42"), (38.24, "38.2"), (3_911.4, "3,911")])
def test_rates(per_s: float, shown: str) -> None:
    assert numbers.rate(per_s) == shown


@pytest.mark.parametrize(
    ("eta", "shown"), [(Eta(40, 55), "0:40–0:55"), (Eta(40.1, 40.9), "~0:40"), (Eta(40, None), "0:40 or more")]
)
def test_what_is_left(eta: Eta, shown: str) -> None:
    assert numbers.eta_range(eta) == shown


@given(st.text())
def test_clean_text_can_steer_no_terminal(text: str) -> None:
    cleaned = numbers.clean(text)
    assert cleaned.isprintable()
    assert len(cleaned) == len(text)
