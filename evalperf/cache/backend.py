"""What a place to keep bytes must do, and the records that pass between the tiers of a cache."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal, Protocol

from msgspec import Struct

__all__ = ["CacheBackend", "DiskTallies", "Hit", "Provenance", "RedisTallies", "Row", "Tier", "Warn"]

Tier = Literal["memory", "disk", "redis"]

Warn = Callable[[str], None]
"""Told, once for each cause, what the user should know; always called on the event loop."""


class CacheBackend(Protocol):
    """Bytes in, bytes out. A miss is None, also for what has expired; each call is one round trip."""

    async def get_many(self, keys: Sequence[bytes]) -> list[bytes | None]:
        """The values in the order of the keys."""
        ...

    async def set_many(self, items: Sequence[tuple[bytes, bytes]], ttl_s: float | None) -> None:
        """Keeps (key, value) pairs, for `ttl_s` seconds or for ever; of one key given twice the last wins."""
        ...

    async def delete_many(self, keys: Sequence[bytes]) -> int:
        """How many of them were there."""
        ...

    async def clear(self) -> int:
        """Drops everything; how many entries there were."""
        ...


class Provenance(Struct, frozen=True, gc=False):
    """Where a value comes from: what `evalperf cache invalidate` selects by, and what a hit has saved."""

    case_id: str | None = None
    model: str | None = None
    cost_usd: float | None = None
    """What it cost to get; None where that is not known."""


class Hit(Struct, frozen=True, gc=False):
    """A value that was found."""

    value: bytes
    tier: Tier
    cost_usd: float | None = None
    """What it cost to get, and so what the hit saves; None where that is not known."""


class Row(Struct, frozen=True, kw_only=True, gc=False):
    """An entry on its way to the disk or Redis."""

    key: bytes
    value: bytes
    created_s: float
    """Unix time."""
    expires_s: float | None
    """Unix time; None = never."""
    provenance: Provenance = Provenance()


class DiskTallies(Struct):
    """What happened to entries of the disk tier."""

    evicted: int = 0
    """Made room for others."""
    expired: int = 0
    dropped: int = 0
    """Not written, because the disk was full, the file damaged, or another process held it for too long."""


class RedisTallies(Struct):
    """What Redis did not do."""

    failures: int = 0
    """Commands that failed."""
    skipped: int = 0
    """Keys that were not looked up or written while it was away."""
