"""Models that a scorer may ask: what it sees of the run's caches, limits, retries and budget behind them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

from msgspec import Struct

from evalperf.records import Case, Message, Response, Spent, Unanswered

__all__ = ["Embedded", "Embedder", "Model", "Models"]


class Model(Protocol):
    """One provider that a scorer's configuration names, with retries and limits already behind it."""

    @property
    def name(self) -> str:
        """What is asked, for reasons and reports."""

    async def ask(
        self, case: Case, messages: tuple[Message, ...], *, answer: int, call: int, draw: int = 1
    ) -> Response | Unanswered:
        """The answer, or why there is none.

        `answer` is the number of the case's answer that the question is about, and `call` numbers the scorer's calls
        for that answer, both from 1. They are the same in a resumed run: the answer to the same messages under the same
        numbers is bought once. `draw` tells votes apart, whose messages are equal: a cache keeps an answer for each.
        Raises only what ends the run.
        """

    def cost_usd(self, response: Response) -> float | None:
        """What the call has cost; None where the price or the usage is not known, 0.0 for an answer from a cache."""


class Embedded(Struct, frozen=True):
    """Vectors of texts, and what they have cost."""

    vectors: Sequence[Sequence[float]]
    spent: Spent
    """Of calls that were shared with other texts, this request's part: summed over all requests it is the whole."""


class Embedder(Protocol):
    """Turns texts into vectors of one length; batches those that are asked for at the same time."""

    @property
    def name(self) -> str:
        """What makes the vectors."""

    async def embed(self, texts: Sequence[str]) -> Embedded:
        """One vector a text, in order; raises ProviderError where there are none."""


class Models(Protocol):
    """Opens what the configurations of scorers name. Given to the builders of scorers, used while they build."""

    def model(self, provider: Any) -> Model:
        """The model of a provider section; raises ConfigError for one that can't be opened."""

    def embedder(self, embedder: Any) -> Embedder:
        """The embedder of an `embedder` section; raises ConfigError for one that can't be opened."""
