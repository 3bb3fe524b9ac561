"""The probe on servers that are formulas: throughput at N workers, without noise and without time."""

from __future__ import annotations

from collections.abc import Callable
from random import Random

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalperf.errors import StoppedError
from evalperf.tuning import Level, Recommendation, probe

Curve = Callable[[int], float]


def hard_cap(slots: int = 32, service_s: float = 1.0) -> Curve:
    """So many at once, the others queue."""
    return lambda n: min(n, slots) / service_s


def batching(kv: int | None = None) -> Curve:
    """A step takes 20 ms and 0.15 ms for each of up to 256 sequences of 120 tokens; past `kv` they are preempted."""

    def throughput(n: int) -> float:
        b = min(n, 256)
        step_s = 0.020 + 0.00015 * b + (4e-6 * (b - kv) ** 2 if kv is not None and b > kv else 0)
        return b / (120 * step_s)

    return throughput


def server(curve: Curve, *, rate: float | None = None, cpu_s: float = 0.0, breaks_at: int | None = None):
    """A measure by Little's law; over `rate` the rest are 429s, from `breaks_at` workers on a tenth fail."""
    asked: list[int] = []

    async def measure(workers: int) -> Level:
        asked.append(workers)
        wanted = curve(workers)
        got = wanted if rate is None else min(wanted, rate)
        return Level(
            workers=workers,
            cases_per_s=got,
            latency_p50_s=workers / wanted,
            latency_p95_s=1.5 * workers / wanted,
            error_share=0.1 if breaks_at is not None and workers >= breaks_at else 0.0,
            share_429=1 - got / wanted,
            cpu_share=min(1.0, got * cpu_s),
        )

    measure.asked = asked
    return measure


@pytest.mark.parametrize(
    ("curve", "smallest", "largest"),
    [
        pytest.param(hard_cap(), 32, 64, id="hard cap at 32"),
        pytest.param(hard_cap(1), 1, 1, id="one at a time"),
        pytest.param(hard_cap(100), 97, 256, id="hard cap at 100"),
        pytest.param(batching(), 180, 362, id="batching to 256"),
        pytest.param(batching(kv=160), 110, 181, id="batching, preempted above 160"),
    ],
)
async def test_the_answer_is_near_the_best_and_no_larger_than_needed(curve, smallest, largest):
    found = await probe(server(curve))
    best = max(curve(n) for n in range(1, 513))
    assert curve(found.workers) >= 0.95 * best
    assert smallest <= found.workers <= largest
    assert found.limited_by == "server"


async def test_growth_is_by_four_while_it_is_near_linear_and_then_by_two():
    measure = server(batching())
    await probe(measure)
    assert measure.asked[:4] == [1, 4, 16, 64]
    assert measure.asked[4] == 128


async def test_it_is_frugal():
    for curve in (hard_cap(), batching(), batching(kv=160)):
        measure = server(curve)
        await probe(measure)
        assert len(measure.asked) <= 9
        assert len(set(measure.asked)) == len(measure.asked)


async def test_a_rate_limit_ends_the_growth_and_no_refused_level_is_recommended():
    found = await probe(server(hard_cap(1000, 2.0), rate=10))
    assert found.limited_by == "rate_limit"
    assert found.workers <= 20
    assert "429" in found.why


async def test_a_full_client_ends_the_growth_and_its_level_still_counts():
    found = await probe(server(hard_cap(10_000, 0.5), cpu_s=0.005))
    assert found.limited_by == "client_cpu"
    assert found.workers >= 64
    assert "event loop" in found.why


async def test_failures_end_the_growth():
    found = await probe(server(hard_cap(1000), breaks_at=64))
    assert found.limited_by == "errors"
    assert found.workers < 64


@pytest.mark.parametrize("seed", range(20))
async def test_a_server_that_is_only_flaky_is_no_limit(seed):
    """3 % of 429s and 2 % of errors at every level, as counted in small samples, say nothing about load."""
    rng = Random(seed)
    ideal = server(hard_cap(32))

    async def measure(workers: int) -> Level:
        level = await ideal(workers)
        attempts = max(24, 4 * workers)
        refused, failed = (sum(rng.random() < p for _ in range(attempts)) / attempts for p in (0.03, 0.02))
        answered = level.cases_per_s * (1 - refused - failed)
        return msgspec.structs.replace(
            level, cases_per_s=answered, share_429=refused, error_share=failed, attempts=attempts
        )

    found = await probe(measure)
    assert found.workers >= 32
    assert found.limited_by == "server"


async def test_a_bound_on_latency_is_kept():
    found = await probe(server(hard_cap(32)), max_latency_s=2.0)
    assert found.limited_by == "latency"
    assert next(level for level in found.levels if level.workers == found.workers).latency_p95_s <= 2.0


async def test_max_workers_is_named_where_throughput_still_grows():
    found = await probe(server(hard_cap(10_000)), max_workers=100)
    assert (found.workers, found.limited_by) == (100, "max_workers")


async def test_max_workers_is_not_blamed_where_the_curve_is_flat():
    found = await probe(server(hard_cap(8)), max_workers=16)
    assert found.limited_by == "server"


async def test_max_levels_ends_an_endless_growth():
    measure = server(hard_cap(10**9))
    found = await probe(measure, max_workers=10**9, max_levels=4)
    assert found.limited_by == "max_levels"
    assert measure.asked == [1, 4, 16, 64]


async def test_an_endpoint_that_answers_nothing_is_an_error():
    async def measure(workers: int) -> Level:
        return Level(
            workers=workers,
            cases_per_s=0.0,
            latency_p50_s=None,
            latency_p95_s=None,
            error_share=1.0,
            share_429=0.0,
            cpu_share=0.0,
        )

    with pytest.raises(StoppedError, match="answered none"):
        await probe(measure)


@given(slots=st.integers(1, 2000), service_s=st.floats(0.001, 100), most=st.integers(1, 1000))
async def test_the_answer_was_measured_and_is_good_enough(slots, service_s, most):
    curve = hard_cap(slots, service_s)
    found: Recommendation = await probe(server(curve), max_workers=most)
    assert found.workers in {level.workers for level in found.levels}
    assert found.workers <= most
    assert curve(found.workers) >= 0.97 * max(level.cases_per_s for level in found.levels) * (1 - 1e-9)
    assert len(found.levels) <= 9
