"""What is kept of earlier answers, where, and for how long."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, field_validator

from evalperf.config.section import PositiveS, Section
from evalperf.config.semantic import SemanticCacheConfig

__all__ = ["CacheConfig", "ResponseCacheConfig", "TieredCacheConfig"]

Megabytes = Annotated[float, Field(gt=0, allow_inf_nan=False)]


class TieredCacheConfig(Section):
    """One cache: a tier in memory, one on disk, and Redis where it is named. A megabyte is 10⁶ bytes."""

    strategy: Literal["off", "lru", "ttl", "hybrid"] = "hybrid"
    """What leaves a full memory tier: the least recently used; what expires first; or expired entries first, then the
    least recently used. With `lru` nothing expires; `off` turns the whole cache off."""
    max_entries: Annotated[int, Field(ge=1)] = 1000
    """Entries in memory; the disk tier is bounded by `disk_mb` alone."""
    ttl_s: PositiveS | None = 3600
    """How long an entry is good for, in every tier; null = for ever. Older entries are not used after it is lowered."""
    memory_mb: Megabytes = 100
    """What the memory tier may take of the process's memory, keys and bookkeeping counted."""
    disk: bool = True
    """Whether there is a disk tier."""
    path: str | None = None
    """File of the disk tier, relative to the configuration's folder; in the user's cache folder where absent."""
    disk_mb: Megabytes = 10_000
    """What the disk tier may take; the entries that were not used for longest make room."""
    compress: bool = True
    """Whether values of 1 KiB and more are compressed on disk and in Redis, where that makes them smaller."""
    on_damaged: Literal["set_aside", "stop"] = "set_aside"
    """What to do with a cache file that is damaged or of a newer version: rename it and begin a new one, or stop."""
    redis_url: str | None = None
    """As in redis://:password@host:6379/0 (rediss:// for TLS, unix:// for a socket); needs the extra `redis`."""
    on_redis_away: Literal["continue", "stop"] = "continue"
    """What to do when Redis goes away in the middle of a run: go on without it and try again later, or stop."""

    @field_validator("path")
    @classmethod
    def _named(cls, path: str | None) -> str | None:
        if path == "":
            raise ValueError("names no file")
        return path

    @field_validator("redis_url")
    @classmethod
    def _redis(cls, url: str | None) -> str | None:
        if url is not None and not url.startswith(("redis://", "rediss://", "unix://")):
            raise ValueError("must start with redis://, rediss:// or unix://")
        return url


class ResponseCacheConfig(TieredCacheConfig):
    """The cache of the model's answers."""

    sampled: Literal["per_epoch", "bypass"] = "per_epoch"
    """Answers that are drawn at random (temperature not 0): one entry for each epoch, or not cached at all."""
    family: str | None = None
    """A name for the addresses that serve the same model; the first endpoint's URL where absent."""
    keep_truncated: bool = True
    """Whether answers that ended at the token limit are cached; the limit is part of the key."""
    keep_refusals: bool = False
    """Whether answers that a content filter has cut are cached."""


class CacheConfig(Section):
    """What need not be asked or computed again."""

    responses: ResponseCacheConfig = ResponseCacheConfig()
    """The model's answers."""
    embeddings: TieredCacheConfig = TieredCacheConfig()
    """Vectors of texts."""
    queries: TieredCacheConfig = TieredCacheConfig()
    """Results of queries behind reports."""
    scores: TieredCacheConfig = TieredCacheConfig()
    """Scores of answers, by scorer, its options and the reference."""
    semantic: SemanticCacheConfig | None = None
    """Answers to the nearest earlier question; off where absent."""
    key_hash: Literal["xxh3_128", "sha256"] = "xxh3_128"
    """The digest that makes a key: fast with 128 bits, or cryptographic with 256 where cases come from strangers."""
