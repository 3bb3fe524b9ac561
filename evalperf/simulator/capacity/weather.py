"""A speed that wanders: good minutes and bad minutes."""

from __future__ import annotations

import math
from random import Random

__all__ = ["Weather"]

_TICK_S = 5.0
_PERSISTENCE = 0.9


class Weather:
    """An AR(1) process in steps of 5 s, whose exponential multiplies latencies; `sigma` is its standard deviation."""

    def __init__(self, sigma: float, seed: int) -> None:
        self._random = Random(seed)
        self._step = sigma * math.sqrt(1 - _PERSISTENCE**2)
        self._level = self._random.gauss(0, sigma)
        self._tick_s: float | None = None

    def factor(self, now_s: float) -> float:
        """What a latency that begins now is multiplied by; times never go back."""
        if self._tick_s is None:
            self._tick_s = now_s
        while now_s >= self._tick_s + _TICK_S:
            self._tick_s += _TICK_S
            self._level = _PERSISTENCE * self._level + self._random.gauss(0, self._step)
        return math.exp(self._level)
