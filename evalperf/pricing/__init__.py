"""What tokens cost."""

from __future__ import annotations

from evalperf.pricing.price import Price, find_price

__all__ = ["Price", "find_price"]
