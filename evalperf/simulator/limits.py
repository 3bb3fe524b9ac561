"""The limits of a server: buckets of requests and of tokens, asked together."""

from __future__ import annotations

from msgspec import Struct

from evalperf.simulator.bucket import TokenBucket
from evalperf.simulator.options import LimitOptions

__all__ = ["Limits", "Standing", "Verdict"]


class Standing(Struct, frozen=True):
    """What a server tells about one limit."""

    per_minute: int
    remaining: int
    """The limit, less what is missing to a full bucket: with a bucket smaller than a minute's limit never 0."""
    full_in_s: float


class Verdict(Struct, frozen=True):
    """Whether a request passes, and how the limits stand after it."""

    over: str | None
    """The limit that refuses it, `requests` or `tokens`; None = it passes."""
    wait_s: float
    """When it would pass, if no other came."""
    standings: dict[str, Standing]
    """By `requests` and `tokens`; without those that are not limited."""


class Limits:
    """No bucket is charged unless both let a request pass."""

    def __init__(self, options: LimitOptions) -> None:
        self._buckets: dict[str, TokenBucket] = {}
        if options.requests_per_s is not None:
            self._buckets["requests"] = TokenBucket(options.requests_per_s, options.burst)
        if options.tokens_per_minute is not None:
            self._buckets["tokens"] = TokenBucket(options.tokens_per_minute / 60, options.tokens_per_minute)

    def ask(self, tokens: int, now_s: float) -> Verdict:
        """The verdict on a request of so many tokens."""
        amounts = {"requests": 1, "tokens": tokens}
        waits_s = {what: bucket.wait_s(amounts[what], now_s) for what, bucket in self._buckets.items()}
        over = max(waits_s, key=waits_s.__getitem__, default=None)
        if over is not None and waits_s[over] == 0:
            over = None
        if over is None:
            for what, bucket in self._buckets.items():
                bucket.take(amounts[what], now_s)
        return Verdict(over, 0.0 if over is None else waits_s[over], self._standings(now_s))

    def _standings(self, now_s: float) -> dict[str, Standing]:
        return {what: _standing(bucket, now_s) for what, bucket in self._buckets.items()}


def _standing(bucket: TokenBucket, now_s: float) -> Standing:
    per_minute = bucket.rate_per_s * 60
    missing = bucket.size - bucket.level(now_s)
    return Standing(round(per_minute), max(0, int(per_minute - missing)), bucket.full_in_s(now_s))
