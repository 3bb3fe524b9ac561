"""All limits that one endpoint, or the whole run, is under: a request passes when every meter lets it."""

from __future__ import annotations

from collections.abc import Mapping

from evalperf.config.resilience import RateLimitingConfig
from evalperf.resilience.learned import LearnedLimit
from evalperf.resilience.meters import Gcra, TokenBucket
from evalperf.resilience.ratelimit_headers import stated_limits

__all__ = ["RateLimit"]

MARGIN = 0.98
"""Share of a limit that is used: requests sent evenly do not arrive evenly."""
BURST_S = 0.1
"""A burst of so many seconds' worth makes up for late timers; a larger one gains nothing over a run."""
TOKEN_BURST_S = 1.0
ROUNDING = 1e-9
STRICT_S = 0.002
"""What strict spacing leaves for late timers; below 500 requests/s that is a burst of exactly 1."""


class RateLimit:
    """Meters of requests and tokens, a pause, and a pace; no meter is charged unless all of them let a request pass.

    The configured limits are upper bounds, for others may share the account; what the server states in its headers can
    only lower them, or set them where none is configured. After the first refusal requests are spaced strictly: a
    server may well count in windows of a second or less.
    """

    def __init__(
        self,
        *,
        requests_per_s: float | None = None,
        tokens_per_s: float | None = None,
        burst: float | None = None,
        margin: float = MARGIN,
    ) -> None:
        self._margin = margin
        self._burst = burst
        self._spaced = False
        self._configured_requests_per_s = requests_per_s
        self._configured_tokens_per_s = tokens_per_s
        self._requests: Gcra | None = None
        self._tokens: TokenBucket | None = None
        self._pace: Gcra | None = None
        self._found_per_s: float | None = None
        self._paused_until_s = float("-inf")
        self._learned = {"requests": LearnedLimit(), "tokens": LearnedLimit()}
        self._set_requests(requests_per_s)
        self._set_tokens(tokens_per_s, 0.0)

    @classmethod
    def from_config(cls, config: RateLimitingConfig) -> RateLimit:
        """The limits of a section; per second and per minute, the tighter one holds."""
        per_minute = config.requests_per_minute
        return cls(
            requests_per_s=_least(config.requests_per_second, None if per_minute is None else per_minute / 60),
            tokens_per_s=None if config.tokens_per_minute is None else config.tokens_per_minute / 60,
            burst=config.burst_size,
        )

    # what holds now --------------------------------------------------------------------------------------------------

    @property
    def requests_per_s(self) -> float | None:
        """The pace of requests that is kept, None while there is no limit."""
        pace = None if self._pace is None else self._pace.rate_per_s
        return _least(pace, None if self._requests is None else self._requests.rate_per_s)

    @property
    def stated_per_s(self) -> float | None:
        """The limit of requests that is configured or stated by the server, None while there is none."""
        return None if self._requests is None else self._requests.rate_per_s

    @property
    def paced_per_s(self) -> float | None:
        """The pace that was found by trial; None while there is none."""
        return self._found_per_s

    @property
    def tokens_per_s(self) -> float | None:
        """The pace of tokens that is kept, None while there is no limit."""
        return None if self._tokens is None else self._tokens.rate_per_s

    def wait_s(self, tokens: float, now_s: float) -> float:
        """Seconds until a request of so many tokens may pass, as far as is known now; 0 when it may."""
        wait_s = self._paused_until_s - now_s
        if self._requests is not None:
            wait_s = max(wait_s, self._requests.wait_s(now_s))
        if self._pace is not None:
            wait_s = max(wait_s, self._pace.wait_s(now_s))
        if self._tokens is not None:
            wait_s = max(wait_s, self._tokens.wait_s(tokens, now_s))
        return max(0.0, wait_s)

    def reason(self, tokens: float, now_s: float) -> str | None:
        """Which of them makes a request wait longest: paused, pace, requests, tokens; None when it may pass."""
        waits = {
            "paused": self._paused_until_s - now_s,
            "requests": 0.0 if self._requests is None else self._requests.wait_s(now_s),
            "pace": 0.0 if self._pace is None else self._pace.wait_s(now_s),
            "tokens": 0.0 if self._tokens is None else self._tokens.wait_s(tokens, now_s),
        }
        longest = max(waits, key=waits.__getitem__)
        return longest if waits[longest] > 0.0 else None

    # what happens ----------------------------------------------------------------------------------------------------

    def take(self, tokens: float, now_s: float) -> None:
        """Charges every meter with a request."""
        if self._requests is not None:
            self._requests.take(now_s)
        if self._pace is not None:
            self._pace.take(now_s)
        if self._tokens is not None:
            self._tokens.take(tokens, now_s)

    def give_back(self, tokens: float, now_s: float) -> None:
        """The last request was not sent after all."""
        if self._requests is not None:
            self._requests.give_back()
        if self._pace is not None:
            self._pace.give_back()
        self.settle(tokens, 0.0, now_s)

    def settle(self, estimated: float, actual: float, now_s: float) -> None:
        """A request that was charged `estimated` tokens has cost `actual`."""
        if self._tokens is not None:
            self._tokens.settle(estimated, actual, now_s)

    def pause(self, until_s: float) -> None:
        """Nothing passes before that time; a pause is never shortened."""
        self._paused_until_s = max(self._paused_until_s, until_s)

    def refused(self, until_s: float) -> None:
        """The server has answered 429 and wants nothing before that time: pauses, and spaces strictly from now on."""
        self.pause(until_s)
        self.space(strictly=True)

    def space(self, *, strictly: bool) -> None:
        """No burst from now on, or bursts again, which make up for late timers.

        A server that allows no burst refuses the second of two requests that come together.
        """
        if self._spaced != strictly:
            self._spaced = strictly
            if self._requests is not None:
                self._requests.change(self._requests.rate_per_s, self._burst_at(self._requests.rate_per_s))

    def pace(self, rate_per_s: float | None) -> None:
        """A pace that was found by trial (see `Pacer`), strictly spaced; None lifts it."""
        self._found_per_s = rate_per_s
        if rate_per_s is None:
            self._pace = None
        elif self._pace is None:
            self._pace = Gcra(rate_per_s, STRICT_S * rate_per_s)
        elif abs(self._pace.rate_per_s / rate_per_s - 1) > ROUNDING:
            self._pace.change(rate_per_s, STRICT_S * rate_per_s)

    def observe(self, headers: Mapping[str, str], now_s: float, *, age_s: float = 0.0) -> None:
        """Learns from a reply's headers, whose names are in lower case; `age_s` ago the server counted them.

        What makes no sense changes nothing.
        """
        for what, stated in stated_limits(headers).items():
            learned = self._learned[what]
            learned.observe(stated)
            if learned.exhausted(stated) and stated.reset_s is not None:
                self.pause(now_s + max(0.0, stated.reset_s - age_s))
            if what == "requests":
                self._set_requests(_least(self._configured_requests_per_s, learned.rate_per_s))
            else:
                self._set_tokens(_least(self._configured_tokens_per_s, learned.rate_per_s), now_s)
                if self._tokens is not None and stated.remaining is not None:
                    self._tokens.cap(stated.remaining + age_s * self._tokens.rate_per_s, now_s)

    def _set_requests(self, limit_per_s: float | None) -> None:
        if limit_per_s is None:
            self._requests = None
            return
        rate_per_s = self._margin * limit_per_s
        if self._requests is None:
            self._requests = Gcra(rate_per_s, self._burst_at(rate_per_s))
        elif abs(self._requests.rate_per_s / rate_per_s - 1) > ROUNDING:
            self._requests.change(rate_per_s, self._burst_at(rate_per_s))

    def _set_tokens(self, limit_per_s: float | None, now_s: float) -> None:
        if limit_per_s is None:
            self._tokens = None
            return
        rate_per_s = self._margin * limit_per_s
        if self._tokens is None:
            self._tokens = TokenBucket(rate_per_s, rate_per_s * TOKEN_BURST_S)
        elif self._tokens.rate_per_s != rate_per_s:
            self._tokens.change(rate_per_s, rate_per_s * TOKEN_BURST_S, now_s)

    def _burst_at(self, rate_per_s: float) -> float:
        if self._spaced:
            return max(1.0, STRICT_S * rate_per_s)
        return max(1.0, BURST_S * rate_per_s) if self._burst is None else self._burst


def _least(first: float | None, second: float | None) -> float | None:
    if first is None or second is None:
        return first if second is None else second
    return min(first, second)
