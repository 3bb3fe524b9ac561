"""What the search makes of six kinds of servers on virtual time, and of many others that it was not made for."""

from __future__ import annotations

import random
import statistics

import pytest

from evalperf.errors import StoppedError
from evalperf.tuning import MAX_PROBES, QUICK, Bounds, Level, most_requests, search
from tests.resilience.servers import BatchServer, Drifting, HardCap, RateLimited, random_server
from tests.tuning.simulated_load import MAKERS, CountingClient, share_of_optimum, tune


@pytest.mark.parametrize("kind", list(MAKERS))
def test_six_kinds_of_servers_give_nearly_their_most(kind: str) -> None:
    """At least .95 of the best fixed setting on average, .93 with each seed, in at most 13 measurements."""
    shares = [_share(kind, seed) for seed in (1, 2)]
    assert min(shares) >= 0.93
    assert statistics.fmean(shares) >= 0.95


@pytest.mark.slow
@pytest.mark.parametrize("kind", list(MAKERS))
def test_six_kinds_of_servers_with_more_seeds(kind: str) -> None:
    """As above."""
    shares = [_share(kind, seed) for seed in range(3, 9)]
    assert min(shares) >= 0.93
    assert statistics.fmean(shares) >= 0.95


@pytest.mark.slow
def test_servers_that_nothing_was_fitted_to() -> None:
    """A mean of .97, nine of ten with .95, and none of the quiet ones below .85."""
    shares = {number: _share_of_random(number) for number in range(300, 336)}
    noisy = {number for number in shares if random_server(number)[0] == "drift"}
    assert statistics.fmean(shares.values()) >= 0.97
    assert statistics.fmean(share >= 0.95 for share in shares.values()) >= 0.9
    assert min(share for number, share in shares.items() if number not in noisy) >= 0.85


def _share(kind: str, seed: int) -> float:
    make = MAKERS[kind]
    tuned = tune(make(), seed)
    assert tuned.findings.probes <= MAX_PROBES
    return share_of_optimum(make, tuned.findings)


def _share_of_random(number: int) -> float:
    def make():
        _, server = random_server(number)
        if isinstance(server, Drifting):
            server.phases = (server.phases[0],) * 3
        if type(server).__name__ == "ClientBound":
            server = CountingClient(server.mean_s, server.cv, server.cost_s, server.contention)
        return server

    tuned = tune(make(), 1)
    assert tuned.findings.probes <= MAX_PROBES
    return share_of_optimum(make, tuned.findings)


@pytest.mark.parametrize(
    ("kind", "limit"),
    [
        pytest.param("hard cap", "server", id="hard-cap"),
        pytest.param("batch, cache", "server", id="batch"),
        pytest.param("rate limit", "rate_limit", id="rate-limit"),
        pytest.param("client CPU", "client_cpu", id="client"),
    ],
)
def test_it_says_what_the_limit_is(kind: str, limit: str) -> None:
    assert tune(MAKERS[kind](), 1).findings.limited_by == limit


@pytest.mark.parametrize("burst", [1, 10, 60])
def test_a_rate_limit_is_found_whatever_burst_it_grants(burst: int) -> None:
    """A pace and not a number of workers, with few refusals."""
    tuned = tune(RateLimited(burst=burst), 1)
    assert tuned.findings.requests_per_s == pytest.approx(10, rel=0.06)
    assert tuned.refused <= 100


def test_growth_is_by_four_while_it_is_nearly_linear_and_then_by_two() -> None:
    measured = {level.workers for level in tune(BatchServer(), 1).findings.levels}
    assert {1, 4, 16, 64, 128, 256} <= measured
    assert 8 not in measured
    assert 32 not in measured


def test_max_workers_is_kept_and_named_where_throughput_still_grows() -> None:
    findings = tune(HardCap(200), 1, bounds=Bounds(max_workers=50)).findings
    assert (findings.workers, findings.limited_by) == (50, "max_workers")


def test_max_workers_is_not_blamed_where_the_curve_is_flat() -> None:
    assert tune(HardCap(8), 1, bounds=Bounds(max_workers=32)).findings.limited_by == "server"


def test_a_bound_on_latency_is_kept() -> None:
    """32 slots of a second each: with more than 32 workers they wait for a slot."""
    findings = tune(HardCap(cv=0.2), 1, bounds=Bounds(max_latency_s=1.6)).findings
    assert findings.limited_by == "latency"
    assert findings.answer is not None
    assert findings.answer.latency_p95_s is not None
    assert findings.answer.latency_p95_s <= 1.6
    assert 16 <= findings.workers <= 40


def test_quick_takes_less_time_and_stays_near() -> None:
    thorough, quick = tune(HardCap(), 3), tune(HardCap(), 3, precision=QUICK)
    assert quick.seconds < thorough.seconds
    assert quick.findings.workers >= 28


def test_the_budget_of_requests_is_never_exceeded_and_what_was_found_counts() -> None:
    tuned = tune(HardCap(), 1, max_requests=200)
    assert tuned.requests == 200
    assert tuned.findings.limited_by == "budget"
    assert tuned.findings.workers >= 4


def test_the_budget_of_time_ends_it() -> None:
    """Up to the landing of what is in flight."""
    assert tune(HardCap(), 1, max_seconds=60).seconds < 70


def test_a_budget_for_no_level_at_all_is_an_error() -> None:
    with pytest.raises(StoppedError, match="before a single worker was measured"):
        tune(HardCap(), 1, max_requests=2)


def test_no_search_asks_more_than_it_says_before() -> None:
    for max_workers in (8, 64):
        tuned = tune(HardCap(1000), 1, bounds=Bounds(max_workers=max_workers))
        assert tuned.requests <= most_requests(max_workers)


async def test_an_endpoint_that_answers_nothing_is_an_error_with_its_reason() -> None:
    async def measure(workers: int) -> Level:
        return level_of(workers, answered=0, failed=3, reason="HTTP 500: broken")

    with pytest.raises(StoppedError, match=r"answered none.*HTTP 500: broken"):
        await search(measure, _no_pace, Bounds())


@pytest.mark.parametrize("seed", range(10))
async def test_a_server_that_is_only_flaky_is_no_limit(seed: int) -> None:
    """3 % of 429s and 2 % of errors at every level, as counted in small samples, say nothing about load."""
    rng = random.Random(seed)

    async def measure(workers: int) -> Level:
        attempts = max(24, 4 * workers)
        refused, failed = (sum(rng.random() < share for _ in range(attempts)) for share in (0.03, 0.02))
        return level_of(workers, answered=min(workers, 32) * 10, refused=refused, failed=failed, attempts=attempts)

    findings = await search(measure, _no_pace, Bounds())
    assert (findings.workers, findings.limited_by) == (32, "server")


async def test_failures_that_come_with_load_end_the_growth() -> None:
    async def measure(workers: int) -> Level:
        failed = 40 if workers >= 64 else 0
        return level_of(workers, answered=workers * 10, failed=failed, attempts=400)

    findings = await search(measure, _no_pace, Bounds())
    assert findings.limited_by == "errors"
    assert findings.workers < 64


async def _no_pace(rate_per_s: float, workers: int) -> None:
    raise AssertionError(f"{rate_per_s} requests/s with {workers} workers: nothing was refused")


def level_of(workers: int, *, answered: int, **changes) -> Level:
    """A level of ten seconds."""
    usual = {"attempts": max(1, answered), "latencies_s": (1.0,) * answered, "cpu_share": 0.1}
    return Level(workers=workers, answered=answered, seconds=10.0, **{**usual, **changes})
