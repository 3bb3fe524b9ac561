"""What the rest of the house knows of an embedder."""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from typing import Protocol

from msgspec import Struct

from evalperf.records import Usage

__all__ = ["Embeddings", "RawEmbedder", "Vector"]

Vector = array  # of "f": 4 bytes a number, and numpy reads it without a copy


class Embeddings(Struct, frozen=True, kw_only=True):
    """What one call brought."""

    vectors: list[Vector[float]]
    """One a text, in order, all of one length."""
    usage: Usage | None = None


class RawEmbedder(Protocol):
    """One call for many texts; no batching, no cache and no retries are in it."""

    @property
    def name(self) -> str:
        """What makes the vectors, for reasons and reports."""

    @property
    def identity(self) -> str:
        """What decides the vectors: those of two embedders that differ in it can't be compared. Holds no secret."""

    @property
    def paid(self) -> bool:
        """Whether a call may cost money."""

    async def check(self) -> None:
        """Tries what can be tried for free; raises ConfigError or StoppedError as `Provider.check` does."""

    async def embed(self, texts: Sequence[str]) -> Embeddings:
        """The vectors of at least one text; raises ProviderError and nothing else."""

    async def aclose(self) -> None:
        """Ends connections and threads; a second call does nothing."""
