"""Faults and latencies follow from the request, not from the order of requests."""

from __future__ import annotations

from statistics import median

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalperf.simulator import CapacityOptions, JudgeOptions, LimitOptions, SimulatorOptions
from evalperf.simulator.fate import decide

FAULTY = SimulatorOptions(
    seed=3,
    latency_s=0.2,
    rate_429=0.1,
    rate_500=0.05,
    rate_dropped=0.02,
    rate_overloaded=0.03,
    rate_malformed=0.04,
    malformed="html-error",
)
SHARES = {"429": 0.1, "500": 0.05, "dropped": 0.02, "overloaded": 0.03, "malformed": 0.04}


@given(st.lists(st.integers(0, 2**64 - 1), unique=True, min_size=1, max_size=50), st.randoms())
def test_the_order_of_requests_does_not_matter(contents, rng):
    shuffled = list(contents)
    rng.shuffle(shuffled)
    first = {content: decide(FAULTY, content, 0) for content in contents}
    assert {content: decide(FAULTY, content, 0) for content in shuffled} == first


@given(st.integers(0, 2**64 - 1), st.integers(0, 1000), st.integers(-(2**31), 2**31))
def test_a_latency_is_positive_and_finite(content, times_asked, seed):
    fate = decide(SimulatorOptions(seed=seed, latency_spread=3), content, times_asked)
    assert 0 < fate.latency_s < 1e12


def test_shares_of_faults_are_those_asked_for():
    """Four standard deviations of a binomial with 20,000 draws."""
    fates = [decide(FAULTY, content, 0) for content in range(20_000)]
    for fault, share in SHARES.items():
        found = sum(fate.fault == fault for fate in fates) / len(fates)
        assert found == pytest.approx(share, abs=4 * (share * (1 - share) / len(fates)) ** 0.5)


def test_the_median_latency_is_the_one_asked_for():
    latencies = [decide(FAULTY, content, 0).latency_s for content in range(20_000)]
    assert median(latencies) == pytest.approx(0.2, rel=0.02)


def test_a_spread_of_zero_means_always_the_median():
    options = SimulatorOptions(latency_s=0.2, latency_spread=0)
    assert {decide(options, content, 0).latency_s for content in range(100)} == {0.2}


def test_stalls_come_beside_the_faults():
    """Four standard deviations of a binomial with 20,000 draws."""
    options = SimulatorOptions(latency_s=0.2, latency_spread=0, rate_stalled=0.05, stall_s=9.0)
    latencies = [decide(options, content, 0).latency_s for content in range(20_000)]
    assert set(latencies) == {0.2, 9.2}
    assert latencies.count(9.2) / 20_000 == pytest.approx(0.05, abs=4 * (0.05 * 0.95 / 20_000) ** 0.5)


def test_a_retry_is_a_fresh_draw():
    refused = [content for content in range(1_000) if decide(FAULTY, content, 0).fault == "429"]
    again = [decide(FAULTY, content, 1).fault for content in refused]
    assert again.count("429") < len(again) / 2


def test_another_seed_decides_otherwise():
    other = SimulatorOptions(seed=4, latency_s=0.2, rate_429=0.1)
    assert [decide(FAULTY, content, 0).latency_s for content in range(5)] != [
        decide(other, content, 0).latency_s for content in range(5)
    ]


@pytest.mark.parametrize(
    "wrong",
    [
        {"rate_429": 0.6, "rate_500": 0.6},
        {"rate_429": -0.1},
        {"latency_s": -1.0},
        {"retry_after_s": -1.0},
        {"rate_stalled": 1.5},
        {"rate_malformed": 0.5},
        {"malformed": "html-error"},
    ],
)
def test_impossible_options_are_refused(wrong):
    with pytest.raises(ValueError, match=r"at least 0|needs both or neither"):
        SimulatorOptions(**wrong)


@pytest.mark.parametrize(
    ("kind", "wrong"),
    [
        (CapacityOptions, {"slots": 0}),
        (CapacityOptions, {"slots": 1, "slots_later": ((5.0, 0),)}),
        (CapacityOptions, {"slots_later": ((5.0, 1),)}),
        (CapacityOptions, {"slots": 1, "slots_later": ((5.0, 1), (2.0, 1))}),
        (CapacityOptions, {"queue_size": -1}),
        (LimitOptions, {"requests_per_s": 0}),
        (LimitOptions, {"requests_per_s": 1, "burst": 0}),
        (JudgeOptions, {"broken": 0.8, "late": 0.3}),
    ],
)
def test_impossible_options_of_a_part_are_refused(kind, wrong):
    with pytest.raises(ValueError, match=r"at least|needs slots|in order|above 0"):
        kind(**wrong)
