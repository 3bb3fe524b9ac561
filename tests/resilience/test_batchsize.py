"""The size of batches, steered by made-up servers."""

from __future__ import annotations

import random
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalperf.resilience import BatchRecord, BatchSize

Server = Callable[[int], tuple[float, bool]]
"""Size of a batch → its latency and whether it succeeded."""


def steered(server: Server, batches: int, controller: BatchSize | None = None) -> tuple[BatchSize, list[BatchRecord]]:
    """Full batches, one after the other."""
    size = controller if controller is not None else BatchSize(start=20, most=10_000)
    for _ in range(batches):
        asked = size.now
        latency_s, ok = server(asked)
        size.record(BatchRecord(0.0, asked, latency_s, ok))
    return size, list(size.history())


def steady(per_s: float) -> Server:
    return lambda size: (size / per_s, True)


def capped(most: int) -> Server:
    """Refuses larger batches, and is quick else."""
    return lambda size: (0.1, size <= most)


def test_it_grows_to_the_target_within_a_few_batches() -> None:
    _, history = steered(steady(50), 8, BatchSize(start=10, most=10_000))
    assert [record.size for record in history][:4] == [10, 20, 40, 80]
    assert history[-1].size == 80  # 0.8 · 2 s · 50/s


def test_almost_no_batch_is_over_the_target_on_a_noisy_server() -> None:
    rng = random.Random(7)
    _, history = steered(lambda size: (size / 50 * rng.lognormvariate(0, 0.1), True), 400)
    assert sum(record.latency_s > 2.0 for record in history) <= 400 * 0.05


def test_a_server_that_becomes_slow_is_followed_within_seven_batches() -> None:
    size, _ = steered(steady(50), 20)
    _, history = steered(steady(5), 8, size)
    assert history[-1].latency_s <= 2.0


def test_a_server_with_overhead_gets_batches_of_nearly_the_target() -> None:
    _, history = steered(lambda size: (1.0 + size * 0.01, True), 30)
    assert 1.4 <= history[-1].latency_s <= 2.0


def test_a_failed_batch_halves_the_size_and_several_at_once_halve_it_once() -> None:
    size = BatchSize(start=64, most=100)
    for _ in range(5):
        size.record(BatchRecord(0.0, 64, 0.1, ok=False))
    assert size.now == 32


def test_a_failure_that_is_not_the_size_s_changes_nothing() -> None:
    size = BatchSize(start=64, most=100)
    size.record(BatchRecord(0.0, 64, 0.1, ok=False), counts=False)
    assert size.now == 64
    assert len(size.history()) == 1


@pytest.mark.parametrize("most", [1, 7, 32, 100, 2048])
def test_a_limit_of_the_server_is_tried_seldom_enough(most: int) -> None:
    """Also while it is found: 95 % of the later batches succeed, and they are not needlessly small."""
    _, history = steered(capped(most), 600)
    late = history[100:]
    assert sum(record.ok for record in late) >= 0.95 * len(late)
    assert sum(record.size for record in late) / len(late) >= 0.5 * most


def test_a_batch_that_was_not_full_says_nothing_about_larger_ones() -> None:
    size = BatchSize(start=20, most=100)
    size.record(BatchRecord(0.0, 3, 0.001, ok=True))
    assert size.now == 20


def test_a_small_batch_that_was_slow_all_the_same_counts() -> None:
    size = BatchSize(start=20, most=100)
    size.record(BatchRecord(0.0, 3, 10.0, ok=True))
    assert size.now == 10


def test_after_an_outage_it_grows_again() -> None:
    size, _ = steered(lambda size: (0.1, False), 500)
    assert size.now == 1
    steered(steady(1000), 400, size)
    assert size.now > 100


def test_the_history_is_bounded() -> None:
    _, history = steered(steady(50), 1200)
    assert len(history) == 1000


outcomes = st.tuples(st.integers(1, 500), st.floats(0, 100), st.booleans(), st.booleans())


@given(st.integers(1, 300), st.integers(1, 50), st.integers(50, 300), st.lists(outcomes, max_size=60))
def test_it_never_leaves_its_bounds(
    start: int, least: int, most: int, batches: list[tuple[int, float, bool, bool]]
) -> None:
    size = BatchSize(start=start, least=least, most=most)
    for items, latency_s, ok, counts in batches:
        size.record(BatchRecord(0.0, items, latency_s, ok), counts=counts)
        assert least <= size.now <= most
