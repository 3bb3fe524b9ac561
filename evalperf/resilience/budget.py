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
    up for a call of that size. So the limits are overshot by no more than the error of the estimates of calls in
    flight. Calls wait in one line, first come first served: a small one never overtakes a large one, and one that gives
    up waiting makes room for the next.
    """

    def __init__(self, *, max_tokens: int | None, max_cost_usd: float | None) -> None:
        self.max_tokens = max_tokens
        self.max_cost_usd = max_cost_usd
        self.spent_tokens = 0
        self.spent_usd = 0.0
        self.assumed_usd = 0.0
        """The part of `spent_usd` that nobody has confirmed; `assumed_tokens` likewise."""
        self.assumed_tokens = 0
        self._reserved_tokens = 0
        self._reserved_usd = 0.0
        self._under_way = 0
        self._line: deque[asyncio.Event] = deque()

    async def reserve(self, tokens: int, cost_usd: float) -> Reservation | None:
        """Leave to make a call, to be given back with `settle`; None when what is left does not suffice for it."""
        if not self._line and self._fits(tokens, cost_usd):
            return self._take(tokens, cost_usd)
        turn = asyncio.Event()
        self._line.append(turn)
        try:
            while self._line[0] is not turn or not (self._fits(tokens, cost_usd) or not self._under_way):
                turn.clear()
                await turn.wait()
            return self._take(tokens, cost_usd) if self._fits(tokens, cost_usd) else None
        finally:
            self._line.remove(turn)
            self._wake()

    def settle(self, reserved: Reservation, tokens: int, cost_usd: float) -> None:
        """The call has ended and has cost that much; 0 for one that was refused or never made."""
        self._release(reserved)
        self.charge(tokens, cost_usd)
        self._wake()

    def settle_as_reserved(self, reserved: Reservation) -> None:
        """The call has ended, and nobody says what it has cost: it counts with its estimate."""
        self._release(reserved)
        self.assumed_tokens += reserved.tokens
        self.assumed_usd += reserved.cost_usd
        self.charge(reserved.tokens, reserved.cost_usd)
        self._wake()

    def charge(self, tokens: int, cost_usd: float) -> None:
        """Counts what was spent without a reservation: by earlier sessions, or by a process that died."""
        self.spent_tokens += tokens
        self.spent_usd += cost_usd

    def used_up(self, tokens: int, cost_usd: float) -> str:
        """What there is to say when a call of that size was refused."""
        spent, needed = [], []
        if self.max_tokens is not None:
            assumed = f" (of which {self.assumed_tokens:,} are assumed)" if self.assumed_tokens else ""
            spent.append(f"{self.spent_tokens:,} of {self.max_tokens:,} tokens are spent{assumed}")
            needed.append(f"{tokens:,} tokens")
        if self.max_cost_usd is not None:
            assumed = f" (of which ${self.assumed_usd:.4f} is assumed)" if self.assumed_usd else ""
            spent.append(f"${self.spent_usd:.4f} of ${self.max_cost_usd:g} is spent{assumed}")
            needed.append(f"${cost_usd:.4f}")
        return f"the budget is used up: {' and '.join(spent)}, and the next call may take {' and '.join(needed)}"

    def _take(self, tokens: int, cost_usd: float) -> Reservation:
        self._under_way += 1
        self._reserved_tokens += tokens
        self._reserved_usd += cost_usd
        return Reservation(tokens, cost_usd)

    def _release(self, reserved: Reservation) -> None:
        self._under_way -= 1
        self._reserved_tokens -= reserved.tokens
        # no residue of rounding outlives the calls
        self._reserved_usd = self._reserved_usd - reserved.cost_usd if self._under_way else 0.0

    def _wake(self) -> None:
        """Whoever is first in line looks again."""
        if self._line:
            self._line[0].set()

    def _fits(self, tokens: int, cost_usd: float) -> bool:
        if self.max_tokens is not None and self.spent_tokens + self._reserved_tokens + tokens > self.max_tokens:
            return False
        if self.max_cost_usd is None:
            return True
        return self.spent_usd + self._reserved_usd + cost_usd <= self.max_cost_usd
