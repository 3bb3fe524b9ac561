"""The speed wanders slowly around 1, by as much as is asked for."""

from __future__ import annotations

import math
from itertools import pairwise
from statistics import fmean, pstdev

import pytest

from evalperf.simulator.capacity import Weather


def _logs(weather: Weather, count: int) -> list[float]:
    return [math.log(weather.factor(5.0 * tick)) for tick in range(count)]


def test_its_standard_deviation_is_the_one_asked_for():
    logs = _logs(Weather(0.15, seed=1), 20_000)
    assert pstdev(logs) == pytest.approx(0.15, rel=0.1)
    assert fmean(logs) == pytest.approx(0, abs=0.02)


def test_neighbouring_moments_are_alike():
    """The autocorrelation of an AR(1) process is its coefficient, 0.9."""
    logs = _logs(Weather(0.15, seed=2), 20_000)
    products = [a * b for a, b in pairwise(logs)]
    assert fmean(products) / pstdev(logs) ** 2 == pytest.approx(0.9, abs=0.03)


def test_within_five_seconds_it_does_not_change():
    weather = Weather(0.15, seed=3)
    assert weather.factor(10.0) == weather.factor(14.9) != weather.factor(15.0)


def test_it_is_the_same_for_the_same_seed():
    assert _logs(Weather(0.15, seed=4), 10) == _logs(Weather(0.15, seed=4), 10) != _logs(Weather(0.15, seed=5), 10)
