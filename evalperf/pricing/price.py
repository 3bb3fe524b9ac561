"""The price of a model: from the configuration, else from the snapshot in this package, else unknown."""

from __future__ import annotations

from datetime import date
from importlib import resources
from typing import Any
from urllib.parse import urlsplit

import msgspec
from msgspec import Struct

from evalperf.records import Usage

__all__ = ["Price", "find_price"]

PER_MTOK = 1_000_000
SNAPSHOT = "prices.json"


class Price(Struct, frozen=True, kw_only=True):
    """US dollars for a million tokens."""

    input_usd_per_mtok: float
    output_usd_per_mtok: float
    source: str
    """Where it is from, for reports: the configuration, or the list with its date."""

    def cost_usd(self, usage: Usage | None) -> float | None:
        """What a call with this usage costs; None where the usage is not known."""
        if usage is None:
            return None
        return self.tokens_usd(usage.input_tokens, usage.output_tokens)

    def tokens_usd(self, input_tokens: float, output_tokens: float) -> float:
        """What so many tokens cost."""
        return (input_tokens * self.input_usd_per_mtok + output_tokens * self.output_usd_per_mtok) / PER_MTOK


class _Listed(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    host: str
    """Whose list it is: prices hold for calls to this host only."""
    model: str
    input: float
    output: float


class _Snapshot(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    as_of: date
    prices: tuple[_Listed, ...]


def find_price(provider: Any) -> Price | None:
    """The price of a provider section's model; None where it is not known, which is not the same as free.

    The list holds for the vendors' own hosts: what a gateway or a server of one's own charges, only the configuration
    can say. A dated version of a listed model ("name-2025-01-31") has that model's price.
    """
    stated = getattr(provider, "prices", None)
    if stated is not None:
        return Price(
            input_usd_per_mtok=stated.input_usd_per_mtok,
            output_usd_per_mtok=stated.output_usd_per_mtok,
            source="configuration",
        )
    hosts = {urlsplit(endpoint.url).hostname for endpoint in getattr(provider, "endpoints", ())}
    if len(hosts) != 1:
        return None
    (host,) = hosts
    snapshot = _snapshot()
    fitting = [one for one in snapshot.prices if one.host == host and _is(provider.model, one.model)]
    if not fitting:
        return None
    found = max(fitting, key=lambda one: len(one.model))
    return Price(
        input_usd_per_mtok=found.input,
        output_usd_per_mtok=found.output,
        source=f"{host}, list price as of {snapshot.as_of}",
    )


def _is(model: str, listed: str) -> bool:
    """The same name, or that name with a date behind it."""
    rest = model.removeprefix(listed)
    return model.startswith(listed) and (not rest or (rest[0] in "-@" and rest[1:].replace("-", "").isdigit()))


def _snapshot() -> _Snapshot:
    text = resources.files("evalperf.pricing").joinpath(SNAPSHOT).read_bytes()
    return msgspec.json.decode(text, type=_Snapshot)
