"""Calls to a judge: asked again where a reply can't be read, classified where that does not help, added up."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Coroutine, Iterable
from functools import partial
from typing import Any, Final, Generic, NamedTuple, TypeVar

from msgspec import UNSET, Struct, UnsetType

from evalperf.config.providers import OpenAIProvider, ProviderConfig
from evalperf.records import Case, Completion, FailureKind, Message, Response, Score, Spent, Unanswered
from evalperf.scorers.asking import Model
from evalperf.scorers.judge_replies import UnreadableReply
from evalperf.scorers.resources import Resources
from evalperf.scorers.spent import spent_of, total_spent
from evalperf.scorers.time_limit import PatternThreads, TimeLimit

__all__ = ["MAX_REASON_CHARS", "Asker", "Ledger", "NoVerdict", "Place", "asked_model", "bounded", "together"]

T = TypeVar("T")

MAX_REASON_CHARS: Final = 1_000
"""Of a judge's reasoning that much is kept."""

_SENT_BACK_CHARS: Final = 4_000
_CUT_OFF: Final = frozenset({"length", "max_tokens", "max_output_tokens"})
_REFUSED: Final = re.compile(
    r"\W*(?:i(?:['’]m| am) (?:very |really |so )?sorry|sorry|i apologi[sz]e|unfortunately,? i|"
    r"i (?:can(?:not|['’]t| not)|won['’]t|must decline|(?:am|['’]m) (?:not able|unable))|as an ai\b)",
    re.IGNORECASE,
)

Read = Callable[[str, TimeLimit], T]
"""What a reply says; raises UnreadableReply or TimeoutError."""


class NoVerdict(Struct, frozen=True):
    """Why a question to a judge has no answer that can be used."""

    kind: FailureKind
    message: str

    def as_detail(self) -> dict[str, str]:
        """For the result line."""
        return {"kind": self.kind, "message": self.message}


class Ledger:
    """What the calls for one score have cost."""

    def __init__(self) -> None:
        self._parts: list[Spent] = []

    def add(self, response: Response, cost_usd: float | None) -> None:
        """Takes one answered call."""
        if response.call.cached is not None:
            self._parts.append(Spent(calls=0, cached=1))
            return
        completion = response.completion
        self._parts.append(Spent(calls=1, latency_s=response.call.latency_s, usage=completion.usage, cost_usd=cost_usd))

    def add_spent(self, score: Score) -> None:
        """Takes what another scorer's view of the same answer has cost."""
        self._parts += spent_of([score])

    def spent(self) -> Spent | UnsetType:
        """The sums, each None where it is not known of every call; UNSET where no call was answered."""
        total = total_spent(self._parts)
        return UNSET if total is None else total


class Place(NamedTuple):
    """Where a question stands among those of its scorer."""

    answer: int
    """Number of the answer that it is about."""
    first_call: int
    """Number of its first call; each repair has the next one."""
    draw: int = 1
    """Number of the vote."""


class Asker(Generic[T]):
    """Asks one model, and again with the fault where a reply can't be read."""

    def __init__(
        self, model: Model, *, repairs: int, reads_cut_off: bool, threads: PatternThreads, limit_s: float
    ) -> None:
        """`reads_cut_off`: whether a verdict in a reply that was cut off is sure to be whole."""
        self._model = model
        self._reads_cut_off = reads_cut_off
        self.calls_each = repairs + 1
        """Numbers of calls that one question takes up."""
        self._threads = threads
        self._limit_s = limit_s

    async def ask(
        self, case: Case, messages: tuple[Message, ...], read: Read[T], place: Place, ledger: Ledger
    ) -> T | NoVerdict:
        """What the first readable reply says, or why there is none; raises only what ends the run."""
        fault = NoVerdict("bad_reply", "it was not asked")
        for call in range(place.first_call, place.first_call + self.calls_each):
            answer = await self._model.ask(case, messages, answer=place.answer, call=call, draw=place.draw)
            if isinstance(answer, Unanswered):
                return NoVerdict(answer.failure.kind, bounded(answer.failure.message))
            ledger.add(answer, self._model.cost_usd(answer))
            try:
                return await self._read(answer.completion, read)
            except UnreadableReply as error:
                fault = _classified(answer, str(error))
                messages = _asked_again(messages, answer.completion.text, str(error))
        return fault

    async def _read(self, reply: Completion, read: Read[T]) -> T:
        """What the reply says; raises UnreadableReply."""
        if reply.finish_reason in _CUT_OFF and not self._reads_cut_off:
            raise UnreadableReply("it ends before the verdict is sure to be whole")
        try:
            return await self._threads.run(partial(read, reply.text), self._limit_s)
        except TimeoutError:
            raise UnreadableReply(f"the patterns took longer than {self._limit_s:g} s on the reply") from None


def asked_model(provider: ProviderConfig, schema: dict[str, Any] | None, resources: Resources) -> Model:
    """The model of a provider, bound to a schema of replies where there is one."""
    return resources.models.model(provider if schema is None else _constrained(provider, schema))


def _constrained(provider: ProviderConfig, schema: dict[str, Any]) -> ProviderConfig:
    """The provider with the schema among its parameters, as its API takes it."""
    if not isinstance(provider, OpenAIProvider):
        raise TypeError(f"a {provider.type} provider takes no schema")  # refused with the configuration
    added: dict[str, Any]
    if provider.api == "responses":
        added = {"text": {"format": {"type": "json_schema", "name": "verdict", "strict": True, "schema": schema}}}
    else:
        shape = {"name": "verdict", "strict": True, "schema": schema}
        added = {"response_format": {"type": "json_schema", "json_schema": shape}}
    return provider.model_copy(update={"params": {**provider.params, **added}})


async def together(asked: Iterable[Coroutine[Any, Any, T]]) -> list[T]:
    """The results of all, at the same time.

    Where one raises, the others land before it is raised here: their answers have been paid for.
    """
    results = await asyncio.gather(*asked, return_exceptions=True)
    for result in results:
        if isinstance(result, BaseException):
            raise result
    return [result for result in results if not isinstance(result, BaseException)]


def bounded(text: str, limit: int = MAX_REASON_CHARS) -> str:
    """At most that many characters, each of which can be written as UTF-8."""
    short = text if len(text) <= limit else text[: limit - 1] + "…"
    return short.encode("utf-8", "replace").decode("utf-8")


def _classified(response: Response, wrong: str) -> NoVerdict:
    reply = response.completion.text
    if response.completion.finish_reason in _CUT_OFF:
        return NoVerdict("truncated", f"the reply was cut off: {wrong}")
    if response.completion.finish_reason == "content_filter" or _REFUSED.match(reply):
        return NoVerdict("content_filter", f"the judge refused: {bounded(reply, 200)}")
    return NoVerdict("bad_reply", wrong)


def _asked_again(messages: tuple[Message, ...], reply: str, wrong: str) -> tuple[Message, ...]:
    request = f"Your reply can't be read: {wrong}. Judge again, and reply exactly in the form that was asked for."
    sent_back = bounded(reply, _SENT_BACK_CHARS)
    return (*messages, {"role": "assistant", "content": sent_back}, {"role": "user", "content": request})
