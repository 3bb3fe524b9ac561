"""How many retries a whole run may spend: plenty for a bad minute, too few to keep a dying server under water."""

from __future__ import annotations

__all__ = ["RetryBudget"]

RETRY_COST = 5
TIMEOUT_COST = 10
"""A timeout has held a slot of the server for its whole time."""
FIRST_TRY_REFUND = 1


class RetryBudget:
    """A bucket that retries draw from and successes refill; the costs are those of the AWS SDKs (500/5/10/1).

    Once it is empty, retries go on at a fifth of the rate of first-try successes. Rate limits are not charged: the rate
    gate already holds back the endpoint that sent them.
    """

    __slots__ = ("_capacity", "_level")

    def __init__(self, capacity: int = 500) -> None:
        self._capacity = capacity
        self._level = capacity

    @property
    def level(self) -> int:
        """What is left to spend."""
        return self._level

    @property
    def capacity(self) -> int:
        """What a run starts with and never exceeds."""
        return self._capacity

    def spend(self, *, timeout: bool = False, rate_limited: bool = False) -> int | None:
        """What the retry cost, to be given back if it succeeds; None when the budget does not allow it."""
        if rate_limited:
            return 0
        cost = TIMEOUT_COST if timeout else RETRY_COST
        if self._level < cost:
            return None
        self._level -= cost
        return cost

    def succeeded(self, spent: int | None = None) -> None:
        """A case was answered: on its first try (None), or by a retry that had cost `spent`."""
        refund = FIRST_TRY_REFUND if spent is None else spent
        self._level = min(self._capacity, self._level + refund)
