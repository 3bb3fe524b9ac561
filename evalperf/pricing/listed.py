"""The vendors' list prices in `prices.json`, as they stood on the day that stands with each of them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date
from importlib import resources
from typing import Any
from urllib.parse import urlsplit

import msgspec
from msgspec import Struct

__all__ = ["Listed", "Prices", "Rates", "find_listed", "read_lists"]

FILE = "prices.json"
PER_MTOK = 1_000_000

_DATED = re.compile(r"[-@]20\d{2}-?(0[1-9]|1[0-2])-?(0[1-9]|[12]\d|3[01])")

_STANDARD: Mapping[str, frozenset[Any]] = {
    "service_tier": frozenset({None, "auto", "default", "standard_only"}),
    "speed": frozenset({None, "standard"}),
    "inference_geo": frozenset({None, "global"}),
}
"""Parameters that choose another tariff, and their values that don't: the lists hold for the standard one."""


class Rates(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """US dollars for a million tokens."""

    input: float
    output: float

    def cost_usd(self, input_tokens: float, output_tokens: float) -> float:
        """What so many tokens cost."""
        return (input_tokens * self.input + output_tokens * self.output) / PER_MTOK


class Listed(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One model of a list."""

    model: str
    input: float
    output: float
    up_to_input_tokens: int | None = None
    """The longest prompt for which these prices hold."""
    beyond: Rates | None = None
    """Those for longer prompts, where they are known."""


class Prices(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What one vendor's page said on one day."""

    host: str
    """The vendor's own: the prices hold for calls to it only."""
    source: str
    """The page."""
    as_of: date
    """The last day on which the prices are known to have stood there."""
    prices: tuple[Listed, ...]


class _File(Struct, frozen=True, forbid_unknown_fields=True):
    lists: tuple[Prices, ...]


def read_lists() -> tuple[Prices, ...]:
    """All lists of the package; costs about 0.1 ms."""
    text = resources.files("evalperf.pricing").joinpath(FILE).read_bytes()
    return msgspec.json.decode(text, type=_File).lists


def find_listed(provider: Any) -> tuple[Listed, Prices] | None:
    """The entry for a section's model, and the list it stands in; None where no list speaks of this very call.

    What a gateway, a regional address or a server of one's own charges, only the configuration can say; the same holds
    for another tariff than the standard one. A dated version of a listed model ("name-2025-01-31") has that model's
    price unless it is listed itself.
    """
    hosts = {urlsplit(endpoint.url).hostname for endpoint in getattr(provider, "endpoints", ())}
    if len(hosts) != 1 or not _at_standard_rates(getattr(provider, "params", {})):
        return None
    fitting = [
        (listed, prices)
        for prices in read_lists()
        if prices.host in hosts
        for listed in prices.prices
        if _is(provider.model, listed.model)
    ]
    return max(fitting, key=lambda found: len(found[0].model), default=None)


def _is(model: str, listed: str) -> bool:
    """The same name, or that name with a date behind it; "claude-opus-4-5" is no "claude-opus-4"."""
    return model.startswith(listed) and (len(model) == len(listed) or bool(_DATED.fullmatch(model, len(listed))))


def _at_standard_rates(params: Mapping[str, Any]) -> bool:
    return all(params.get(name) in values for name, values in _STANDARD.items())
