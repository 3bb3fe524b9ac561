"""When a failed attempt is worth another one, and after what wait."""

from __future__ import annotations

from msgspec import Struct

from evalperf.config.model import RetryConfig
from evalperf.errors import ProviderError

__all__ = ["MIN_WAIT_S", "RetryPolicy"]

MIN_WAIT_S = 0.05
"""Full jitter may draw 0; an immediate repeat only finds the endpoint as it was."""

HINT_SPREAD = 0.1
"""A server's own wish is stretched by up to this share, so that those it sent away do not come back as one."""


class RetryPolicy(Struct, frozen=True, kw_only=True):
    """Full jitter over an exponential bound, or what the server asks for.

    Full jitter (a uniform draw from 0 to the bound) needs fewer calls than other jitters for the same time to finish:
    M. Brooker, "Exponential Backoff And Jitter", AWS Architecture Blog, 2015.
    """

    attempts: int
    base_s: float
    max_s: float
    retry_after_max_s: float

    @classmethod
    def from_config(cls, config: RetryConfig) -> RetryPolicy:
        """The policy that the configuration states."""
        return cls(
            attempts=config.attempts,
            base_s=config.base_s,
            max_s=config.max_s,
            retry_after_max_s=config.retry_after_max_s,
        )

    def bound_s(self, attempts_made: int) -> float:
        """Longest wait after so many failed attempts, where the server has no wish: base_s · 2ⁿ⁻¹ up to max_s."""
        exponent = min(attempts_made - 1, 60)  # 2.0 ** 1024 overflows; no bound needs more than this
        return min(self.max_s, self.base_s * 2.0**exponent)

    def delay_s(self, error: ProviderError, attempts_made: int, draw: float) -> float | None:
        """Seconds to wait before the next attempt, None to give up; `draw` is uniform in [0, 1).

        Gives up on what can't get better, after the last attempt, and when the server asks for a longer wait than
        `retry_after_max_s`.
        """
        if not error.retryable or attempts_made >= self.attempts:
            return None
        if error.retry_after_s is not None:
            if error.retry_after_s > self.retry_after_max_s:
                return None
            return max(MIN_WAIT_S, error.retry_after_s * (1 + HINT_SPREAD * draw))
        return max(MIN_WAIT_S, draw * self.bound_s(attempts_made))
