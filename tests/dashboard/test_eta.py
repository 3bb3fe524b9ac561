from __future__ import annotations

import math
import random

from evalperf.dashboard.eta import Second, estimate


def steady(pace: int, seconds: int, called: int | None = None) -> list[Second]:
    return [Second(pace, pace if called is None else called, 0)] * seconds


def test_a_steady_pace_gives_five_percent_to_each_side() -> None:
    eta = estimate(steady(10, 60), remaining=100)
    assert eta is not None
    assert eta.high_s is not None
    assert math.isclose(eta.low_s, 10 / 1.05)
    assert math.isclose(eta.high_s, 10 / 0.95)


def test_nothing_is_said_before_thirty_calls() -> None:
    assert estimate(steady(1, 29), remaining=100) is None
    assert estimate(steady(1, 32), remaining=100) is not None


def test_nothing_is_said_after_a_single_second() -> None:
    assert estimate(steady(1_000, 1), remaining=100) is None


def test_only_the_last_two_minutes_count() -> None:
    eta = estimate(steady(1, 300) + steady(10, 120), remaining=100)
    assert eta is not None
    assert math.isclose(eta.low_s, 10 / 1.05)


def test_cached_answers_take_no_time() -> None:
    """Half of the cases come from the cache: half of the rest will be called, at the pace of calls."""
    eta = estimate(steady(20, 60, called=10), remaining=200)
    assert eta is not None
    assert math.isclose(eta.low_s, 10 / 1.05)


def test_a_pace_too_unsteady_has_no_upper_end() -> None:
    eta = estimate([*steady(100, 30), *steady(0, 90)], remaining=100)
    assert eta is not None
    assert eta.high_s is None


def test_the_range_holds_the_truth_in_most_noisy_runs() -> None:
    """Nominally four of five; noise of one second to the next is averaged out, so here it is nearly all."""
    drawn, held = random.Random(1), 0
    for _ in range(200):
        seconds = [Second(n, n, 0) for n in (max(0, round(drawn.gauss(40, 12))) for _ in range(120))]
        eta = estimate(seconds, remaining=4_000)
        assert eta is not None
        held += eta.low_s <= 100 <= (eta.high_s or math.inf)
    assert held >= 160
