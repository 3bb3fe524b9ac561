"""Models and embedders that scorers ask, behind the same caches, limits, retries and budget as the answers."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import orjson

from evalperf import clock
from evalperf.config.model import AnswerProvider
from evalperf.errors import ConfigError
from evalperf.pipeline.caller import Caller
from evalperf.pipeline.job import Again, Halted, Job
from evalperf.records import Case, Message, Request, Response, Unanswered
from evalperf.scorers.asking import Embedded, Embedder

__all__ = ["AskedEmbedder", "AskedModel", "AskedModels"]

CALLS_PER_MODEL = 256
"""Numbers of calls in the journal that each model of the scorers has for one answer."""

MAX_MODELS = 256

CALLS_PER_ANSWER = MAX_MODELS * CALLS_PER_MODEL
"""Numbers of calls in the journal for one of a case's answers; the first of all is the call for the answers itself."""


class AskedModel:
    """One provider section of a scorer. Asked only once it is connected."""

    def __init__(self, section: AnswerProvider, slot: int) -> None:
        self.section = section
        self.name = section.model or section.type
        self._slot = slot
        self._caller: Caller | None = None

    def connect(self, caller: Caller) -> None:
        """Calls go through it from now on."""
        self._caller = caller

    async def ask(
        self, case: Case, messages: tuple[Message, ...], *, answer: int, call: int, draw: int = 1
    ) -> Response | Unanswered:
        """The answer, or why there is none, after all its attempts; raises Halted when the run is being stopped."""
        assert self._caller is not None  # noqa: S101 - connected before the first case
        assert 0 < call < CALLS_PER_MODEL  # noqa: S101 - a scorer's own numbers, never the user's
        request = Request(case=case, messages=messages, draw=draw)
        number = (answer - 1) * CALLS_PER_ANSWER + self._slot * CALLS_PER_MODEL + call
        job = Job(case=case, call=number, ready_s=clock.now(), request=request)
        job.messages_json = orjson.dumps(messages)
        while True:
            outcome = await self._caller.attempt(job, request)
            if not isinstance(outcome, Again):
                return outcome
            if outcome.kind is None:
                raise Halted
            await asyncio.sleep(outcome.delay_s)

    def cost_usd(self, response: Response) -> float | None:
        """What the answer has cost this run."""
        assert self._caller is not None  # noqa: S101 - there is a response
        return self._caller.cost_usd(response)


class AskedEmbedder:
    """One embedder section of a scorer. Asked only once it is connected."""

    def __init__(self, section: Any) -> None:
        self.section = section
        self.name = str(getattr(section, "model", None) or section.type)
        self._embedder: Embedder | None = None

    def connect(self, embedder: Embedder) -> None:
        """Texts go to it from now on."""
        self._embedder = embedder
        self.name = embedder.name

    async def embed(self, texts: Sequence[str]) -> Embedded:
        """As `Embedder.embed`."""
        assert self._embedder is not None  # noqa: S101 - connected before the first case
        return await self._embedder.embed(texts)


class AskedModels:
    """What the scorers of a run ask, in the order in which they were built: the same in a resumed run."""

    def __init__(self) -> None:
        self.models: list[AskedModel] = []
        self.embedders: list[AskedEmbedder] = []

    def model(self, provider: AnswerProvider) -> AskedModel:
        """Notes the section; it is opened after all scorers are built. Raises ConfigError for one too many."""
        if len(self.models) == MAX_MODELS:
            raise ConfigError(f"the scorers ask more than {MAX_MODELS} models", hint="split them over several runs")
        self.models.append(AskedModel(provider, len(self.models)))
        return self.models[-1]

    def embedder(self, embedder: Any) -> AskedEmbedder:
        """Notes the section; it is opened after all scorers are built."""
        self.embedders.append(AskedEmbedder(embedder))
        return self.embedders[-1]
