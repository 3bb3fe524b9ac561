"""Servers worth trying a client on, by name; figures and optima stand in `docs/simulator.md`."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, Final

import msgspec
from msgspec import Struct

from evalperf.simulator.options import CapacityOptions, Dialect, Form, JudgeOptions, LimitOptions, SimulatorOptions

__all__ = ["PROFILES", "Profile", "changed_profile", "find_profile"]


class Profile(Struct, frozen=True):
    """A server under a name."""

    about: str
    """In one line."""
    options: SimulatorOptions = SimulatorOptions()
    tls: bool = False
    """Whether it speaks HTTPS."""


CHANGEABLE: Final = (
    "seed",
    "latency_s",
    "latency_spread",
    "rate_429",
    "rate_500",
    "rate_dropped",
    "retry_after_s",
)
"""What of its options a configuration can change, under the same names."""


def _median_s(mean_s: float, cv: float) -> float:
    """The median of a log-normal latency with this mean and coefficient of variation."""
    return mean_s / math.sqrt(1 + cv * cv)


def _sigma(cv: float) -> float:
    return math.sqrt(math.log(1 + cv * cv))


_STEP_S: Final = 0.020 + 0.00015
"""A step of the batch server with one request: 20 ms, and 0.15 ms for each request in it."""
_BATCH: Final = CapacityOptions(slots=256, slowdown=0.00015 / _STEP_S)


def _batch(capacity: CapacityOptions) -> SimulatorOptions:
    """Answers of 120 tokens on average, one token a step."""
    return SimulatorOptions(latency_s=_median_s(120 * _STEP_S, 0.6), latency_spread=_sigma(0.6), capacity=capacity)


def _limited(dialect: Dialect) -> SimulatorOptions:
    return SimulatorOptions(
        latency_s=_median_s(2.0, 0.4),
        latency_spread=_sigma(0.4),
        limit=LimitOptions(requests_per_s=10, burst=10, dialect=dialect),
    )


def _malformed(form: Form, *, pause_s: float = 0.25) -> SimulatorOptions:
    return SimulatorOptions(rate_malformed=1.0, malformed=form, malformed_pause_s=pause_s)


PROFILES: Final[dict[str, Profile]] = {
    "plain": Profile("any number of requests at once, 0.15 s each"),
    "hard-cap": Profile(
        "32 requests at once, 1 s each, the others wait in a queue: 32/s at best",
        SimulatorOptions(latency_s=_median_s(1.0, 0.3), latency_spread=_sigma(0.3), capacity=CapacityOptions(slots=32)),
    ),
    "batch": Profile(
        "up to 256 requests in one batch, which slow each other down: 36.7/s at 256",
        _batch(_BATCH),
    ),
    "cache-pressure": Profile(
        "the same, and above 160 requests the batch thrashes: 31/s at 160, 22.5/s at 256",
        _batch(
            CapacityOptions(slots=_BATCH.slots, slowdown=_BATCH.slowdown, pressure_from=160, pressure=4e-6 / _STEP_S)
        ),
    ),
    "rate-limit": Profile("10 requests/s, 10 at once; 429 and OpenAI's x-ratelimit-* headers", _limited("openai")),
    "rate-limit-anthropic": Profile("the same with anthropic-ratelimit-* and retry-after", _limited("anthropic")),
    "rate-limit-azure": Profile("the same with limits of -1, and retry-after-ms", _limited("azure")),
    "rate-limit-retry-after": Profile("the same with Retry-After in whole seconds alone", _limited("retry-after")),
    "rate-limit-bare": Profile("the same without any header", _limited("none")),
    "drift": Profile(
        "40 slots, 16 after 300 s, 64 after 600 s; wandering speed, 1 % errors, 0.5 % stalls of 15 s",
        SimulatorOptions(
            latency_s=_median_s(1.5, 1.0),
            latency_spread=_sigma(1.0),
            rate_500=0.01,
            rate_stalled=0.005,
            capacity=CapacityOptions(slots=40, slots_later=((300, 16), (600, 64)), weather=0.15),
        ),
    ),
    "black-hole": Profile(
        "looks healthy, and fails every request with 500 after 50 ms",
        SimulatorOptions(latency_s=0.05, latency_spread=0, rate_500=1.0),
    ),
    "never-answers": Profile("looks healthy, takes every request and never answers", _malformed("never-answers")),
    "slow-headers": Profile("sends its headers byte by byte, four in a second", _malformed("slow-headers")),
    "endless-stream": Profile("answers that never end, 1 kB every 10 ms", _malformed("endless-stream", pause_s=0.01)),
    "truncated-json": Profile("replies that break off in mid-JSON, under status 200", _malformed("truncated-json")),
    "html-error": Profile("a gateway's web page under status 502", _malformed("html-error")),
    "wrong-content-length": Profile(
        "promises more bytes than it sends, then hangs up", _malformed("wrong-content-length")
    ),
    "overloaded": Profile(
        "every fifth request is told that the server is overloaded: 529, or 503", SimulatorOptions(rate_overloaded=0.2)
    ),
    "judge": Profile(
        "judges in five forms; 12 % of its verdicts are broken, 8 % refused, 5 % late",
        SimulatorOptions(judge=JudgeOptions(varied=True, broken=0.12, refusing=0.08, late=0.05)),
    ),
    "tls": Profile("plain over HTTPS, with a certificate made at its start", tls=True),
}


def find_profile(name: str) -> Profile | None:
    """The profile of this name; case, `-` and `_` do not matter."""
    wanted = _bare(name)
    return next((profile for known, profile in PROFILES.items() if _bare(known) == wanted), None)


def changed_profile(name: str, settings: Mapping[str, Any]) -> SimulatorOptions:
    """A profile's options, with what of the settings has the name of one of them; raises ValueError."""
    changes = {key: settings[key] for key in CHANGEABLE if key in settings}
    return msgspec.structs.replace(PROFILES[name].options, **changes)


def _bare(name: str) -> str:
    return name.casefold().replace("-", "").replace("_", "")
