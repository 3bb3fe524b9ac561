"""What tokens cost."""

from __future__ import annotations

from evalperf.pricing.listed import Rates
from evalperf.pricing.price import Price, find_price

__all__ = ["Price", "Rates", "find_price"]
