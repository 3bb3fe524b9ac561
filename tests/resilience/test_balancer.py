"""The balancer sends work where it is done soonest, and is not fooled by an endpoint that fails fast."""

from __future__ import annotations

import random
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalperf.config.resilience import BalancingConfig
from evalperf.resilience.balancer import Balancer, EndpointLoad, choose_least_latency
from tests.resilience.servers import HardCap, Simulation


def loads_of(**weights: float) -> list[EndpointLoad]:
    return [EndpointLoad(name, weight) for name, weight in weights.items()]


def answered(load: EndpointLoad, now_s: float, latency_s: float) -> None:
    load.began()
    load.succeeded(now_s, latency_s)


def test_nothing_to_choose_from_is_none() -> None:
    assert Balancer(BalancingConfig(), random.Random(0)).choose([], 0) is None


@pytest.mark.parametrize("strategy", ["least_latency", "round_robin", "weighted"])
@given(seed=st.integers(0, 1000), count=st.integers(1, 6))
def test_the_choice_is_one_of_those_that_may_be_chosen(strategy: str, seed: int, count: int) -> None:
    balancer = Balancer(BalancingConfig.model_validate({"strategy": strategy}), random.Random(seed))
    loads = [EndpointLoad(str(number)) for number in range(count)]
    assert balancer.choose(loads, 0) in loads


def test_round_robin_takes_turns_whatever_the_weights() -> None:
    balancer = Balancer(BalancingConfig(strategy="round_robin"), random.Random(0))
    loads = loads_of(a=1, b=5, c=2)
    names = [load.name for _ in range(9) if (load := balancer.choose(loads, 0))]
    assert names == ["a", "b", "c"] * 3


def test_weighted_turns_are_exact_and_spread() -> None:
    balancer = Balancer(BalancingConfig(strategy="weighted"), random.Random(0))
    loads = loads_of(a=5, b=1, c=1)
    names = [load.name for _ in range(7) if (load := balancer.choose(loads, 0))]
    assert "".join(names) == "aabacaa"


def test_the_moving_mean_is_as_published() -> None:
    """Tower's: 100 ms, then 40 ms after 2 s, with 10 s to forget."""
    load = EndpointLoad("a")
    answered(load, 0, 0.100)
    answered(load, 2, 0.040)
    assert load.latency_s(2) == pytest.approx(0.08912384518467891, abs=1e-9)


def test_an_idle_endpoint_is_forgiven() -> None:
    """Tower's: without samples the mean fades by 1/e in its time constant."""
    load = EndpointLoad("a")
    answered(load, 0, 0.010)
    assert load.latency_s(1.0) == pytest.approx(0.009048374180359595, abs=1e-9)
    load.began()
    assert load.latency_s(1.0) == 0.010


def test_an_endpoint_without_an_answer_yet_gets_its_share() -> None:
    known, unknown = loads_of(known=1, unknown=1)
    answered(known, 0, 0.001)
    known.began()
    assert choose_least_latency([known, unknown], 0, random.Random(0)) is unknown


def test_the_weight_counts() -> None:
    """Twice the weight bears twice the load."""
    strong, weak = loads_of(strong=2, weak=1)
    for load in (strong, weak):
        answered(load, 0, 1.0)
    for _ in range(2):
        strong.began()
    weak.began()
    assert choose_least_latency([strong, weak], 0, random.Random(0)) is strong


def throughput(strategy: str, *, black_hole: bool = False) -> tuple[float, Counter[str]]:
    """Answers per second of three servers of 32 slots, the third four times slower, with 96 in flight in all."""
    sim = Simulation(1)
    servers = dict(zip("abc", (HardCap(32, 1, 0.8), HardCap(32, 1, 0.8), HardCap(32, 4, 0.8)), strict=True))
    loads = [EndpointLoad(name) for name in servers]
    balancer = Balancer(BalancingConfig.model_validate({"strategy": strategy}), sim.rng)
    sent: Counter[str] = Counter()
    answers = 0

    def send() -> None:
        load = balancer.choose(loads, sim.now_s)
        assert load is not None
        load.began()
        sent[load.name] += 1
        began_s = sim.now_s

        def reply(status: int) -> None:
            nonlocal answers
            if status == 200:
                answers += 1
                load.succeeded(sim.now_s, sim.now_s - began_s)
            else:
                load.failed(sim.now_s, sim.now_s - began_s)
            send()

        if black_hole and load.name == "b" and sim.now_s > 50:
            sim.after(0.05, reply, 500)
        else:
            servers[load.name].submit(sim, reply)

    for _ in range(96):
        send()
    sim.run(200)
    return answers / 200, sent


def test_least_latency_uses_what_a_slow_endpoint_would_waste() -> None:
    """The optimum is 72/s. Round robin fills the slow endpoint's queue and reaches a third of it."""
    fast, _ = throughput("least_latency")
    turns, _ = throughput("round_robin")
    assert fast >= 0.9 * 72
    assert turns <= 0.4 * 72


def test_a_black_hole_attracts_little_without_any_breaker() -> None:
    """It fails in 50 ms for 150 s; least in-flight would send it almost everything (1,900 a second)."""
    _, sent = throughput("least_latency", black_hole=True)
    _, healthy = throughput("least_latency")
    assert sent["b"] <= 1.5 * healthy["b"]
