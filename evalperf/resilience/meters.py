"""Two meters of a rate, as pure functions of the time that is passed in: GCRA for requests, a bucket for tokens.

Both ask first (`wait_s`) and charge second (`take`), so that several meters can be asked before any is charged.
"""

from __future__ import annotations

__all__ = ["Gcra", "TokenBucket"]

ROUNDING_S = 1e-9
"""A timer that was set for a meter's own answer may come back an ulp early."""


class Gcra:
    """Never lets more than `burst` + rate · time requests pass, in any window of time; its state is one float.

    The generic cell rate algorithm (ITU-T I.371) in its virtual-scheduling form: `tat` is when the next request would
    be due at a steady pace, and requests may come up to (burst - 1) intervals before they are due.
    """

    __slots__ = ("_burst", "_interval_s", "_tat_s")

    def __init__(self, rate_per_s: float, burst: float = 1.0) -> None:
        self._tat_s = float("-inf")
        self.change(rate_per_s, burst)

    @property
    def rate_per_s(self) -> float:
        """The pace in the long run."""
        return 1.0 / self._interval_s

    @property
    def burst(self) -> float:
        """Requests that may pass at once after a rest; 1 spaces them strictly."""
        return self._burst

    def change(self, rate_per_s: float, burst: float) -> None:
        """Another pace from now on; what has passed already stays counted."""
        self._interval_s = 1.0 / rate_per_s
        self._burst = max(1.0, burst)

    def wait_s(self, now_s: float) -> float:
        """Seconds until a request may pass; 0 when it may now."""
        early_s = (self._burst - 1.0) * self._interval_s
        wait_s = self._tat_s - early_s - now_s
        return wait_s if wait_s > ROUNDING_S else 0.0

    def take(self, now_s: float) -> None:
        """Lets one request pass."""
        self._tat_s = max(self._tat_s, now_s) + self._interval_s

    def give_back(self) -> None:
        """The last request was not sent after all."""
        self._tat_s -= self._interval_s


class TokenBucket:
    """Tokens that refill at a rate up to a capacity, and may be owed.

    What a request costs is known only after its reply: it is charged an estimate, and `settle` corrects the level,
    below zero if need be. A request larger than the whole bucket passes when the bucket is full and leaves debt.
    """

    __slots__ = ("_at_s", "_capacity", "_level", "_rate_per_s")

    def __init__(self, rate_per_s: float, capacity: float) -> None:
        self._rate_per_s = rate_per_s
        self._capacity = capacity
        self._level = capacity
        self._at_s = float("-inf")

    @property
    def rate_per_s(self) -> float:
        """Tokens that come in per second."""
        return self._rate_per_s

    def level(self, now_s: float) -> float:
        """Tokens in the bucket; below zero is debt."""
        if now_s > self._at_s:
            grown = self._level + (now_s - self._at_s) * self._rate_per_s
            self._level = min(self._capacity, grown)
            self._at_s = now_s
        return self._level

    def change(self, rate_per_s: float, capacity: float, now_s: float) -> None:
        """Another rate from now on; debt stays debt."""
        self._level = min(self.level(now_s), capacity)
        self._rate_per_s, self._capacity = rate_per_s, capacity

    def wait_s(self, tokens: float, now_s: float) -> float:
        """Seconds until a request of so many tokens may pass; 0 when it may now."""
        missing = min(tokens, self._capacity) - self.level(now_s)
        wait_s = missing / self._rate_per_s
        return wait_s if wait_s > ROUNDING_S else 0.0

    def take(self, tokens: float, now_s: float) -> None:
        """Lets a request of so many tokens pass."""
        self._level = self.level(now_s) - tokens

    def settle(self, estimated: float, actual: float, now_s: float) -> None:
        """The request that was charged `estimated` has cost `actual`."""
        self._level = min(self._capacity, self.level(now_s) + estimated - actual)

    def cap(self, level: float, now_s: float) -> None:
        """There are at most so many: others draw from the same account."""
        self._level = min(self.level(now_s), level)
