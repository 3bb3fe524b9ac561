"""What a simulated endpoint is like."""

from __future__ import annotations

from typing import Final, Literal

from msgspec import Struct

__all__ = ["CERTIFICATE", "CapacityOptions", "Dialect", "Form", "JudgeOptions", "LimitOptions", "SimulatorOptions"]

CERTIFICATE: Final = "certificate.pem"
"""The file that clients are to trust where the server speaks HTTPS."""

Dialect = Literal["openai", "anthropic", "azure", "retry-after", "none"]
"""Whose headers tell about a limit."""

Form = Literal[
    "slow-headers", "endless-stream", "truncated-json", "html-error", "wrong-content-length", "never-answers"
]
"""A way in which a reply is not one."""


class CapacityOptions(Struct, frozen=True, kw_only=True):
    """How many requests are worked on at once, and how fast; the others wait in the order in which they came."""

    slots: int | None = None
    """Requests worked on at once; None = any number."""
    slots_later: tuple[tuple[float, int], ...] = ()
    """Other numbers of slots from so many seconds after the first request on, in order of time."""
    queue_size: int = 4_000
    """Requests that may wait for a slot; a further one is told that the server is overloaded."""
    slowdown: float = 0.0
    """By what share each further request at work slows all of them down, as in a server that works in batches."""
    pressure_from: int | None = None
    """Above so many at work they hinder each other, as when a cache of keys and values is full; None = never."""
    pressure: float = 0.0
    """Share by which all slow down, times the square of how many are above `pressure_from`."""
    weather: float = 0.0
    """Sigma of a slow change of speed: the logarithm of all latencies follows an AR(1) process."""

    def __post_init__(self) -> None:
        numbers = [slots for _, slots in self.slots_later] + ([] if self.slots is None else [self.slots])
        if any(slots < 1 for slots in numbers):
            raise ValueError("slots are at least 1")
        if self.slots is None and self.slots_later:
            raise ValueError("slots_later needs slots")
        if list(self.slots_later) != sorted(self.slots_later):
            raise ValueError("slots_later is in order of time")
        if min(self.queue_size, self.slowdown, self.pressure, self.weather) < 0:
            raise ValueError("queue_size, slowdown, pressure and weather are at least 0")


class LimitOptions(Struct, frozen=True, kw_only=True):
    """Token buckets, and how their state is told; what is over a limit gets 429 at once."""

    requests_per_s: float | None = None
    burst: int = 1
    """Requests that may come together."""
    tokens_per_minute: float | None = None
    """Input and allowed output tokens; a whole minute's may come together."""
    dialect: Dialect = "openai"

    def __post_init__(self) -> None:
        rates = [rate for rate in (self.requests_per_s, self.tokens_per_minute) if rate is not None]
        if any(rate <= 0 for rate in rates) or self.burst < 1:
            raise ValueError("limits are above 0 and burst is at least 1")


class JudgeOptions(Struct, frozen=True, kw_only=True):
    """How the model `judge` behaves; shares of its replies that exclude each other, together at most 1."""

    varied: bool = False
    """Whether good replies come in several forms: bare, fenced, with thoughts or talk around them, as lax JSON."""
    broken: float = 0.0
    """Replies without a verdict that can be read."""
    refusing: float = 0.0
    """Replies that decline, half of them under the finish reason of a content filter."""
    late: float = 0.0
    """Good replies that take `late_s` longer."""
    late_s: float = 2.0

    def __post_init__(self) -> None:
        shares = (self.broken, self.refusing, self.late)
        if min(shares) < 0 or sum(shares) > 1 or self.late_s < 0:
            raise ValueError(f"the shares of a judge's faults are at least 0 and together at most 1, not {shares}")


class SimulatorOptions(Struct, frozen=True, kw_only=True):
    """A simulated endpoint.

    Faults, latencies and answers follow from the seed and from what is asked, in whatever order it comes; who waits and
    who hits a limit follows from the order of arrival. The rates are shares of requests from 0 to 1 and exclude each
    other: together they are at most 1.
    """

    models: tuple[str, ...] = ("small", "large", "judge")
    """The solvers that are offered, as keys of `solvers.SOLVERS`; `embedding` is always there for embeddings."""
    seed: int = 0
    """Decides latencies and faults."""
    latency_s: float = 0.15
    """Median time to an answer, while the server has nothing else to do."""
    latency_spread: float = 0.4
    """Sigma of the log-normal latency; 0 = always the median."""
    rate_429: float = 0.0
    """Refused at once with 429 and Retry-After."""
    rate_500: float = 0.0
    """Answered with 500, after the time an answer would have taken."""
    rate_overloaded: float = 0.0
    """Refused at once as overloaded: 529 in Anthropic's protocol, 503 in OpenAI's."""
    rate_dropped: float = 0.0
    """Connection cut half-way to the answer."""
    rate_malformed: float = 0.0
    """Answered in the form that `malformed` says."""
    malformed: Form | None = None
    malformed_pause_s: float = 0.25
    """Between two bytes of slow headers, and between two pieces of an endless stream."""
    retry_after_s: float = 0.2
    """What a 429 of `rate_429` asks to wait."""
    rate_stalled: float = 0.0
    """Share of requests that take `stall_s` longer; not a fault, so it goes beside the others."""
    stall_s: float = 15.0
    api_key: str | None = None
    """Without this key in one of the usual headers a request gets 401; None = no key is asked for."""
    capacity: CapacityOptions = CapacityOptions()
    limit: LimitOptions | None = None
    judge: JudgeOptions = JudgeOptions()

    def __post_init__(self) -> None:
        shares = (self.rate_429, self.rate_500, self.rate_overloaded, self.rate_dropped, self.rate_malformed)
        if min(shares) < 0 or sum(shares) > 1:
            raise ValueError(f"the shares of faults are at least 0 and together at most 1, not {shares}")
        if (self.malformed is None) != (self.rate_malformed == 0):
            raise ValueError("malformed says which form the replies of rate_malformed have: it needs both or neither")
        if min(self.latency_s, self.latency_spread, self.retry_after_s, self.malformed_pause_s, self.stall_s) < 0:
            raise ValueError("latencies, spreads and waits are at least 0")
        if not 0 <= self.rate_stalled <= 1:
            raise ValueError("rate_stalled is a share from 0 to 1, at least 0")
