"""Each profile behaves as it says: on the virtual clock, at the loads where it is known what comes out."""

from __future__ import annotations

import asyncio
from itertools import count
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalperf.config.providers import ServerProfile
from evalperf.simulator import PROFILES, SimulatorOptions, changed_profile, find_profile
from evalperf.simulator.capacity import Capacity
from evalperf.simulator.fate import decide
from evalperf.simulator.limits import Limits
from tests.support.virtual_loop import run_virtual


def _rate_per_s(options: SimulatorOptions, in_flight: int, seconds: float, *, after_s: float = 0.0) -> float:
    """Requests done per second by so many clients that ask again at once."""

    async def work():
        capacity, numbers, done = Capacity(options.capacity, seed=options.seed), count(), []
        loop = asyncio.get_running_loop()

        async def client():
            while True:
                latency_s = decide(options, next(numbers), 0).latency_s
                async with capacity.place() as take:
                    await take(latency_s)
                done.append(loop.time())

        clients = [asyncio.create_task(client()) for _ in range(in_flight)]
        await asyncio.sleep(after_s + seconds)
        for task in clients:
            task.cancel()
        await asyncio.gather(*clients, return_exceptions=True)
        return sum(after_s <= time_s < after_s + seconds for time_s in done) / seconds

    return run_virtual(work())


@pytest.mark.parametrize(
    ("profile", "in_flight", "expected_per_s"),
    [
        ("hard-cap", 16, 16.0),
        ("hard-cap", 32, 32.0),
        ("hard-cap", 200, 32.0),
        ("batch", 1, 0.413),
        ("batch", 20, 7.25),
        ("batch", 256, 36.7),
        ("cache-pressure", 160, 31.0),
        ("cache-pressure", 256, 22.5),
    ],
)
def test_throughput_is_that_of_the_reference_simulation(profile, in_flight, expected_per_s):
    """The figures are those of the discrete-event model that the profiles stem from; within 3 % for 8,000 requests."""
    found = _rate_per_s(PROFILES[profile].options, in_flight, max(300, 8_000 / expected_per_s), after_s=40)
    assert found == pytest.approx(expected_per_s, rel=0.03)


def test_drift_has_other_optima_with_time():
    """40 slots, then 16, then 64, of 1.575 s each (with the stalls); the speed wanders by 15 %."""
    options = PROFILES["drift"].options
    found = [_rate_per_s(options, 100, 260, after_s=after_s) for after_s in (20, 320, 620)]
    assert found == [pytest.approx(slots / 1.575, rel=0.25) for slots in (40, 16, 64)]


@pytest.mark.parametrize("profile", [name for name in PROFILES if name.startswith("rate-limit")])
def test_rate_limits_let_ten_requests_per_second_pass(profile):
    options = PROFILES[profile].options
    assert options.limit is not None
    limits = Limits(options.limit)
    passed = sum(limits.ask(10, tick / 100).over is None for tick in range(6_000))
    assert passed == pytest.approx(600 + 10, abs=1)


def test_the_configuration_knows_all_of_them_but_tls():
    """The two lists stand in two layers that do not know each other."""
    assert set(get_args(ServerProfile)) == PROFILES.keys() - {"tls"}
    assert [name for name, profile in PROFILES.items() if profile.tls] == ["tls"]


def test_a_setting_changes_the_profile_and_nothing_else_does():
    options = changed_profile("hard-cap", {"latency_s": 0.01, "model": "large", "stream": True})
    assert options.latency_s == 0.01
    assert options.capacity == PROFILES["hard-cap"].options.capacity
    assert options.models == SimulatorOptions().models


def test_an_impossible_setting_is_refused():
    with pytest.raises(ValueError, match="together at most 1"):
        changed_profile("black-hole", {"rate_429": 0.1})


@pytest.mark.parametrize("written", ["hard-cap", "hardcap", "Hard_Cap"])
def test_names_are_found_as_people_write_them(written):
    assert find_profile(written) is PROFILES["hard-cap"]


@given(st.text())
def test_other_names_are_not_found(name):
    assert find_profile(name) is None or "".join(c for c in name.casefold() if c.isalnum()) in {
        known.replace("-", "") for known in PROFILES
    }
