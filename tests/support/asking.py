"""Models for scorers to ask, without a run behind them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from evalperf.errors import ProviderError
from evalperf.records import Spent, Usage
from evalperf.scorers.asking import Embedded, Embedder


class TableEmbedder:
    """Vectors from a table; without one, a direction of its own for each text, so that all others are at right angles.

    A text in `failing` fails the whole request.
    """

    name = "table"

    def __init__(self, table: dict[str, Sequence[float]] | None = None, *, failing: Sequence[str] = ()) -> None:
        self._table = table
        self._failing = failing
        self._directions: dict[str, int] = {}
        self.asked: list[list[str]] = []

    async def embed(self, texts: Sequence[str]) -> Embedded:
        self.asked.append(list(texts))
        for text in texts:
            if text in self._failing:
                raise ProviderError("server_error", "the server is ill", status=500)
        return Embedded([self._vector(text) for text in texts], Spent(calls=1, usage=Usage(len(texts), 0)))

    def _vector(self, text: str) -> Sequence[float]:
        if self._table is not None:
            return self._table[text]
        direction = self._directions.setdefault(text, len(self._directions))
        return [1.0 if place == direction else 0.0 for place in range(200)]


class EmbedderModels:
    """Opens the same embedder whatever the configuration says, and no model."""

    def __init__(self, embedder: Embedder | None = None) -> None:
        self._embedder = embedder if embedder is not None else TableEmbedder()

    def model(self, provider: Any) -> Any:
        raise AssertionError("no model was expected to be asked")

    def embedder(self, embedder: Any) -> Embedder:
        return self._embedder
