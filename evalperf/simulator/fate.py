"""What happens to a request, decided by its content and not by the order of arrival."""

from __future__ import annotations

import math
from statistics import NormalDist
from typing import Literal

import xxhash
from msgspec import Struct

from evalperf.simulator.options import SimulatorOptions

__all__ = ["Fate", "Fault", "decide"]

Fault = Literal["429", "500", "overloaded", "dropped", "malformed"]

_STANDARD_NORMAL = NormalDist()
_BITS = 52  # so many that (n + ½) / 2ⁿ is exact, and neither 0 nor 1


class Fate(Struct, frozen=True):
    """How a request will go."""

    fault: Fault | None
    latency_s: float
    """Time until the answer is complete, while nothing else is to be done."""
    manner: float
    """From 0 to 1: in which form a judge replies."""


def decide(options: SimulatorOptions, content: int, times_asked: int) -> Fate:
    """The fate of the request with this content hash that was asked `times_asked` times before.

    A hash of (seed, content, times_asked) takes the place of a random generator: nothing is shared between requests,
    so their order can't matter, and a retry is a fresh draw.
    """
    key = b"%d %d %d" % (options.seed, content, times_asked)
    fault, latency = _uniforms(key)
    stall, manner = _uniforms(key + b" more")
    stall_s = options.stall_s if stall < options.rate_stalled else 0.0
    return Fate(_fault(options, fault), _latency_s(options, latency) + stall_s, manner)


def _uniforms(key: bytes) -> tuple[float, float]:
    draw: int = xxhash.xxh3_128_intdigest(key)
    return _uniform(draw >> 64), _uniform(draw & (2**64 - 1))


def _uniform(bits64: int) -> float:
    return math.ldexp((bits64 >> (64 - _BITS)) + 0.5, -_BITS)


def _fault(options: SimulatorOptions, u: float) -> Fault | None:
    shares: tuple[tuple[Fault, float], ...] = (
        ("429", options.rate_429),
        ("500", options.rate_500),
        ("dropped", options.rate_dropped),
        ("overloaded", options.rate_overloaded),
        ("malformed", options.rate_malformed),
    )
    for fault, share in shares:
        if u < share:
            return fault
        u -= share
    return None


def _latency_s(options: SimulatorOptions, u: float) -> float:
    if options.latency_s == 0 or options.latency_spread == 0:
        return options.latency_s
    return options.latency_s * math.exp(options.latency_spread * _STANDARD_NORMAL.inv_cdf(u))
