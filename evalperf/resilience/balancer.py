"""Which of several endpoints of one model gets the next request."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Sequence

from evalperf.config.resilience import BalancingConfig

__all__ = ["Balancer", "EndpointLoad", "choose_least_latency", "choose_weighted"]

TAU_S = 10.0
"""After so long a time a sample of the latency counts 1/e."""
PENALTY_S = 5.0
PENALTY_SHARE = 0.25
"""A failure counts at least so much: one that fails in milliseconds sends samples too close to count by time."""


class EndpointLoad:
    """How busy and how slow one endpoint is; told of every call's beginning and end."""

    __slots__ = ("_at_s", "_latency_s", "credit", "in_flight", "name", "weight")

    def __init__(self, name: str, weight: float = 1.0) -> None:
        self.name = name
        self.weight = weight
        self.in_flight = 0
        self.credit = 0.0
        """Of the weighted turns, see `choose_weighted`."""
        self._latency_s: float | None = None
        self._at_s = 0.0

    def began(self) -> None:
        """A request is on its way."""
        self.in_flight += 1

    def succeeded(self, now_s: float, latency_s: float) -> None:
        """It was answered."""
        self.in_flight -= 1
        self._mix(now_s, latency_s, 0.0)

    def failed(self, now_s: float, latency_s: float) -> None:
        """It failed: counted as slow, since an endpoint that fails at once would else look like the best of all."""
        self.in_flight -= 1
        known_s = 0.0 if self._latency_s is None else self._latency_s
        self._mix(now_s, max(latency_s, 2 * known_s, PENALTY_S), PENALTY_SHARE)

    def left(self) -> None:
        """It ended without saying anything of the endpoint: cancelled, or refused by a rate limit."""
        self.in_flight -= 1

    def latency_s(self, now_s: float) -> float | None:
        """The moving mean, None before the first answer; fades while nothing is in flight, so that all is forgiven."""
        if self._latency_s is None or self.in_flight:
            return self._latency_s
        return self._latency_s * math.exp(-max(0.0, now_s - self._at_s) / TAU_S)

    def _mix(self, now_s: float, sample_s: float, least_share: float) -> None:
        if self._latency_s is None:
            self._latency_s = sample_s
        else:
            share = max(least_share, 1 - math.exp(-max(0.0, now_s - self._at_s) / TAU_S))
            self._latency_s += share * (sample_s - self._latency_s)
        self._at_s = now_s


def choose_least_latency(loads: Sequence[EndpointLoad], now_s: float, rng: random.Random) -> EndpointLoad:
    """Of two at random, the one with the lower latency · (in flight + 1) / weight.

    The power of two choices keeps all callers from running to the same endpoint (Mitzenmacher 2001). A plain mean and
    not the peak: a model's long answers are no sign of trouble. An endpoint without a latency yet gets the other's.
    """
    if len(loads) == 1:
        return loads[0]
    first, second = loads if len(loads) == 2 else rng.sample(loads, 2)
    first_s, second_s = first.latency_s(now_s), second.latency_s(now_s)
    if first_s is None or second_s is None:
        first_s = second_s = 1.0
    first_score = first_s * (first.in_flight + 1) / first.weight
    second_score = second_s * (second.in_flight + 1) / second.weight
    if first_score == second_score:
        return first if rng.random() < 0.5 else second
    return first if first_score < second_score else second


def choose_weighted(loads: Sequence[EndpointLoad], weight: Callable[[EndpointLoad], float]) -> EndpointLoad:
    """Turns in proportion to the weights, spread evenly (nginx's smooth weighted round robin)."""
    for load in loads:
        load.credit += weight(load)
    chosen = max(loads, key=_credit)
    chosen.credit -= sum(weight(load) for load in loads)
    return chosen


class Balancer:
    """A strategy with its own randomness; knows no breakers and no limits: it is given those who may be chosen."""

    def __init__(self, config: BalancingConfig, rng: random.Random) -> None:
        self._strategy = config.strategy
        self._rng = rng

    def choose(self, loads: Sequence[EndpointLoad], now_s: float) -> EndpointLoad | None:
        """The endpoint for the next request, None if there is none to choose from."""
        if not loads:
            return None
        if self._strategy == "least_latency":
            return choose_least_latency(loads, now_s, self._rng)
        return choose_weighted(loads, _equal if self._strategy == "round_robin" else _weight)


def _credit(load: EndpointLoad) -> float:
    return load.credit


def _weight(load: EndpointLoad) -> float:
    return load.weight


def _equal(_: EndpointLoad) -> float:
    return 1.0
