"""What the controllers make of servers that nobody told them about; see `servers.py` for the models.

Shares are of what a client with foresight would get, over 900 s from a cold start.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evalperf.resilience.adaptive import AdaptiveLimit
from tests.resilience.client import Outcome, drive
from tests.resilience.servers import (
    BatchServer,
    ClientBound,
    Drifting,
    HardCap,
    RateLimited,
    Scattered,
    Server,
    random_server,
)

# name: (the server by seed, least mean share, least share of each seed, most median limit)
BARS: dict[str, tuple[Callable[[int], Server], float, float, float]] = {
    "hard cap": (lambda _: HardCap(), 0.97, 0.95, 1.6 * 32),
    "batch server": (lambda _: BatchServer(), 0.95, 0.93, 1.6 * 224),
    "batch server with cache pressure": (lambda _: BatchServer(cache_slots=160), 0.90, 0.87, 1.6 * 160),
    "rate limit, burst 1": (lambda _: RateLimited(burst=1), 0.90, 0.90, 64),
    "rate limit, burst 10": (lambda _: RateLimited(burst=10), 0.95, 0.95, 64),
    "rate limit, burst 60": (lambda _: RateLimited(burst=60), 0.95, 0.95, 64),
    "rate limit, no Retry-After": (lambda _: RateLimited(retry_after_s=None), 0.95, 0.95, 64),
    "drift": (lambda seed: Drifting(weather=seed), 0.88, 0.80, 4 * 64),
    "client CPU": (lambda _: ClientBound(), 0.96, 0.93, 1.6 * 96),
}
MOST_REFUSED = 0.01


@pytest.mark.parametrize("name", BARS)
def test_most_of_the_optimum_is_reached(name: str) -> None:
    """One seed of what the slow test holds against the bars."""
    server, _, each, most = BARS[name]
    outcome = drive(server(1), seed=1)
    assert outcome.share >= each
    assert outcome.refused_share <= MOST_REFUSED
    assert outcome.median_limit <= most


@pytest.mark.slow
@pytest.mark.parametrize("name", BARS)
def test_the_bars_hold_over_five_seeds(name: str) -> None:
    server, mean, each, _ = BARS[name]
    outcomes = [drive(server(seed), seed=seed) for seed in range(5)]
    assert statistics.mean(outcome.share for outcome in outcomes) >= mean
    assert min(outcome.share for outcome in outcomes) >= each
    assert max(outcome.refused_share for outcome in outcomes) <= MOST_REFUSED


@pytest.mark.slow
def test_servers_that_no_parameter_was_chosen_for() -> None:
    """Thirty, of six kinds. A drift may fall anywhere, also where no controller can see it in time."""
    outcomes = []
    for number in range(30):
        kind, server = random_server(number)
        outcomes.append((kind, drive(server, seed=number)))
    assert statistics.median(outcome.share for _, outcome in outcomes) >= 0.97
    assert min(outcome.share for kind, outcome in outcomes if kind != "drift") >= 0.90
    assert statistics.mean(outcome.refused_share for kind, outcome in outcomes if kind == "rate limit") <= MOST_REFUSED


def scattered(share: float, per_s: float, seed: int, *, stated: bool) -> Outcome:
    """A client that could send so many requests a second, by its workers or by a stated limit."""
    server = Scattered(share, per_s)
    workers = round(server.mean_s * per_s)
    control = AdaptiveLimit(start=min(16, workers), most=3 * workers if stated else workers)
    return drive(server, seed=seed, seconds=150, control=control, stated_per_s=per_s if stated else None)


@pytest.mark.parametrize("stated", [False, True])
def test_one_percent_refused_at_random_does_not_bring_a_run_to_a_crawl(stated: bool) -> None:
    """Pausing the endpoint for each of 250 requests a second would leave a quarter of them."""
    assert scattered(0.01, 250, 1, stated=stated).steady_share >= 0.95


@pytest.mark.slow
@pytest.mark.parametrize("stated", [False, True])
@pytest.mark.parametrize("per_s", [20, 50, 250])
def test_refusals_at_random_cost_little_at_any_share(per_s: int, stated: bool) -> None:
    """The rarer they are, the longer it takes to tell them from a limit: single runs may still be unlucky."""
    shares = [0.002, 0.01, 0.05, 0.1, 0.3]
    outcomes = [scattered(share, per_s, seed, stated=stated).share for share in shares for seed in range(4)]
    assert statistics.median(outcomes) >= 0.90
    assert min(outcomes) >= 0.35


def test_telling_that_the_client_is_busy_costs_nothing() -> None:
    outcome = drive(ClientBound(), seed=1, tell_busy=True)
    assert outcome.share >= 0.96
    assert outcome.median_limit <= 1.6 * 96


def test_a_busy_client_never_asks_for_more() -> None:
    """Nobody can tell what a server could do while this machine is the bottleneck."""
    control = AdaptiveLimit(start=16)
    control.client_busy = True
    assert drive(HardCap(slots=200), seed=1, seconds=300, control=control).median_limit <= 16


def test_a_client_with_little_to_do_learns_nothing() -> None:
    """Half of the limit in flight is no evidence, whatever comes back."""
    control = AdaptiveLimit(start=16)
    now_s = 0.0
    for _ in range(5000):
        sent = control.sent(now_s, 8)
        now_s += 0.1
        control.completed(now_s, sent, ok=True)
    assert control.limit == 16


def test_there_is_no_pace_before_the_first_refusal() -> None:
    control = AdaptiveLimit()
    control.completed(1, control.sent(0, 1), ok=True)
    assert control.rate_per_s is None
    control.refused(1.05, control.sent(1, 1))
    assert control.rate_per_s is not None


def test_refusals_of_one_moment_cut_the_pace_once() -> None:
    control = AdaptiveLimit()
    requests = [control.sent(0.0, 16) for _ in range(16)]
    control.refused(0.05, requests[0])
    first = control.rate_per_s
    for request in requests[1:]:
        control.refused(0.06, request)
    assert control.rate_per_s == first


def test_failures_are_no_goodput() -> None:
    """A server that answers errors at once must not look fast: the limit does not grow for them."""
    control = AdaptiveLimit(start=16)
    now_s = 0.0
    for _ in range(2000):
        sent = control.sent(now_s, control.limit)
        now_s += 0.001
        control.completed(now_s, sent, ok=False)
    assert control.limit == 16


def test_after_an_outage_it_begins_with_half() -> None:
    control = AdaptiveLimit(start=100)
    control.halve()
    assert control.limit == 50
    assert not control.climbing


@settings(max_examples=50, deadline=None)
@given(
    least=st.integers(1, 20),
    span=st.integers(0, 100),
    start=st.integers(1, 200),
    events=st.lists(st.tuples(st.sampled_from(["ok", "failed", "refused"]), st.floats(0, 5)), max_size=400),
)
def test_the_limit_never_leaves_its_bounds(least: int, span: int, start: int, events: list[tuple[str, float]]) -> None:
    control, now_s = AdaptiveLimit(start=start, least=least, most=least + span), 0.0
    for event, gap_s in events:
        sent = control.sent(now_s, control.limit)
        now_s += gap_s
        if event == "refused":
            control.refused(now_s, sent)
        else:
            control.completed(now_s, sent, ok=event == "ok")
        assert least <= control.limit <= least + span
        assert control.rate_per_s is None or control.rate_per_s > 0
