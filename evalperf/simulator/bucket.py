"""A token bucket."""

from __future__ import annotations

__all__ = ["TokenBucket"]

_ROUNDING = 1e-9


class TokenBucket:
    """Fills at `rate_per_s` up to `size`; pure: the time is handed in, and never goes back."""

    def __init__(self, rate_per_s: float, size: float) -> None:
        self.rate_per_s = rate_per_s
        self.size = size
        self._level = size
        self._at_s: float | None = None

    def wait_s(self, amount: float, now_s: float) -> float:
        """Seconds until so much is there, 0 when it is; more than the bucket holds passes when it is full."""
        missing = min(amount, self.size) - self.level(now_s)
        return missing / self.rate_per_s if missing > _ROUNDING else 0.0

    def take(self, amount: float, now_s: float) -> None:
        """Takes so much out, into debt where it is not there."""
        self._level = self.level(now_s) - amount

    def level(self, now_s: float) -> float:
        """What is in it."""
        if self._at_s is not None:
            self._level = min(self.size, self._level + (now_s - self._at_s) * self.rate_per_s)
        self._at_s = now_s
        return self._level

    def full_in_s(self, now_s: float) -> float:
        """Seconds until nothing is missing, if nothing is taken out."""
        return (self.size - self.level(now_s)) / self.rate_per_s
