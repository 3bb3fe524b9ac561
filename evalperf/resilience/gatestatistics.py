"""What a rate gate has done."""

from __future__ import annotations

from msgspec import Struct

__all__ = ["GateStatistics"]


class GateStatistics(Struct, frozen=True, kw_only=True):
    """What a gate has done so far."""

    passed: int
    waited: int
    """Of these, how many did not pass at once."""
    wait_s: float
    """Summed over them."""
    waiting: int
    """Requests in line now."""
    refused: int
    """Refusals (429) that were reported to it."""
    requests_per_s: float | None
    """The pace that is kept now; None = no limit."""
    tokens_per_s: float | None
