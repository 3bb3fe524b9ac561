"""What a call costs: by the configuration's prices, else by the vendor's list price, else unknown."""

from __future__ import annotations

from typing import Any

from msgspec import Struct

from evalperf.pricing.listed import Rates, find_listed
from evalperf.records import Usage

__all__ = ["Price", "find_price"]


class Price(Struct, frozen=True, kw_only=True):
    """What the calls to one model cost. All input counts at the full rate, also what the vendor has in a cache."""

    rates: Rates
    source: str
    """Where it is from, for reports: the configuration, or the list with its date."""
    up_to_input_tokens: int | None = None
    """The longest prompt for which `rates` hold; None where the length makes no difference."""
    beyond: Rates | None = None
    """What a call with a longer prompt costs, all its tokens; None where that is not known."""

    def cost_usd(self, usage: Usage | None) -> float | None:
        """What a call with this usage costs; None where the usage, or the price of so long a prompt, is not known."""
        return None if usage is None else self.call_usd(usage.input_tokens, usage.output_tokens)

    def call_usd(self, input_tokens: float, output_tokens: float) -> float | None:
        """What one call with so many tokens costs; None where the price of so long a prompt is not known."""
        if self.up_to_input_tokens is None or input_tokens <= self.up_to_input_tokens:
            return self.rates.cost_usd(input_tokens, output_tokens)
        return None if self.beyond is None else self.beyond.cost_usd(input_tokens, output_tokens)


def find_price(section: Any) -> Price | None:
    """The price of a provider's or an embedder's model; None = not known, which is not the same as free."""
    stated = getattr(section, "prices", None)
    if stated is not None:
        rates = Rates(input=stated.input_usd_per_mtok, output=stated.output_usd_per_mtok)
        return Price(rates=rates, source="configuration")
    found = find_listed(section)
    if found is None:
        return None
    listed, prices = found
    return Price(
        rates=Rates(input=listed.input, output=listed.output),
        source=f"{prices.host}, list price as of {prices.as_of}",
        up_to_input_tokens=listed.up_to_input_tokens,
        beyond=listed.beyond,
    )
