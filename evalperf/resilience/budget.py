"""What a run may spend: reserved when a call leaves, settled when it ends."""

from __future__ import annotations

import asyncio
from collections import deque

from msgspec import Struct

__all__ = ["Budget", "Reservation"]


class Reservation(Struct, frozen=True):
    """What one call may cost, held back until it ends."""

    tokens: int
    cost_usd: float


class Budget:
    """Limits on tokens and dollars, over all calls of a run.

    A call is let pass while what was spent, what is reserved and what it will cost itself stay within the limits. One
    that does not fit waits for calls under way, which may cost less than was reserved; when none is, the budget is used
    up. So the limits are overshot by no more than the error of the estimates of calls in flight. A limit in dollars
    counts only calls whose cost is known.
    """

    def __init__(
        self, *, max_tokens: int | None, max_cost_usd: float | None, spent_tokens: int = 0, spent_usd: float = 0.0
    ) -> None:
        self.max_tokens = max_tokens
        self.max_cost_usd = max_cost_usd
        self.spent_tokens = spent_tokens
        self.spent_usd = spent_usd
        self._reserved_tokens = 0
        self._reserved_usd = 0.0
        self._under_way = 0
        self._line: deque[asyncio.Future[None]] = deque()

    async def reserve(self, tokens: int, cost_usd: float) -> Reservation | None:
        """Leave to make a call, to be given back with `settle`; None when the budget is used up."""
        while not self._fits(tokens, cost_usd):
            if not self._under_way:
                return None
            turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._line.append(turn)
            await turn
        self._under_way += 1
        self._reserved_tokens += tokens
        self._reserved_usd += cost_usd
        return Reservation(tokens, cost_usd)

    def settle(self, reserved: Reservation, tokens: int, cost_usd: float) -> None:
        """The call has ended and has cost that much; 0 for one that was refused or never made."""
        self._under_way -= 1
        self._reserved_tokens -= reserved.tokens
        self._reserved_usd = self._reserved_usd - reserved.cost_usd if self._under_way else 0.0
        self.spent_tokens += tokens
        self.spent_usd += cost_usd
        while self._line:  # all of them look: who fits goes on, and the others see if it is over
            turn = self._line.popleft()
            if not turn.done():
                turn.set_result(None)

    def used_up(self) -> str:
        """What there is to say when it is."""
        parts = []
        if self.max_tokens is not None:
            parts.append(f"{self.spent_tokens:,} of {self.max_tokens:,} tokens")
        if self.max_cost_usd is not None:
            parts.append(f"${self.spent_usd:.4f} of ${self.max_cost_usd:g}")
        return f"the budget is used up: {' and '.join(parts)}"

    def _fits(self, tokens: int, cost_usd: float) -> bool:
        if self.max_tokens is not None and self.spent_tokens + self._reserved_tokens + tokens > self.max_tokens:
            return False
        if self.max_cost_usd is None:
            return True
        return self.spent_usd + self._reserved_usd + cost_usd <= self.max_cost_usd
