"""Judges without a model behind them: scripted replies, failures and latencies, and one that really compares."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Callable, Sequence
from typing import Any

from evalperf.records import (
    CachedFrom,
    Call,
    Case,
    Completion,
    Failure,
    FailureKind,
    Message,
    Response,
    Unanswered,
    Usage,
)
from tests.support.asking import EmbedderModels

Reply = str | Unanswered | Response
Asked = tuple[Case, tuple[Message, ...], int]


def refused(kind: FailureKind = "server_error", message: str = "the server is ill") -> Unanswered:
    """A call that was given up."""
    return Unanswered(failure=Failure(kind=kind, message=message), call=Call(attempts=5))


def replied(
    text: str,
    *,
    finish_reason: str | None = "stop",
    cached: CachedFrom | None = None,
    usage: Usage | None = Usage(10, 2),  # noqa: B008 - frozen
    latency_s: float | None = 0.25,
) -> Response:
    """An answered call."""
    completion = Completion(text=text, finish_reason=finish_reason, usage=usage)
    return Response(completion=completion, call=Call(cached=cached, latency_s=latency_s))


class ScriptedModel:
    """Answers by a list in the order of the call numbers, or by a function of what it is asked.

    `latency_s` is waited on the loop's clock; a reply that is an exception is raised.
    """

    def __init__(
        self,
        replies: Sequence[Reply | Exception] | Callable[[Case, tuple[Message, ...], int], Reply],
        *,
        name: str = "scripted",
        latency_s: float = 0.0,
        cost_usd: float | None = 0.001,
    ) -> None:
        self.name = name
        self._replies = replies
        self._latency_s = latency_s
        self._cost_usd = cost_usd
        self.asked: list[Asked] = []
        self.answers: list[int] = []
        self.draws: list[int] = []
        self.in_flight = self.most_in_flight = 0

    async def ask(
        self, case: Case, messages: tuple[Message, ...], *, answer: int, call: int, draw: int = 1
    ) -> Response | Unanswered:
        self.asked.append((case, messages, call))
        self.answers.append(answer)
        self.draws.append(draw)
        self.in_flight += 1
        self.most_in_flight = max(self.most_in_flight, self.in_flight)
        try:
            await asyncio.sleep(self._latency_s)
        finally:
            self.in_flight -= 1
        reply = self._replies(case, messages, call) if callable(self._replies) else self._replies[call - 1]
        if isinstance(reply, Exception):
            raise reply
        return replied(reply) if isinstance(reply, str) else reply

    def cost_usd(self, response: Response) -> float | None:
        return 0.0 if response.call.cached is not None else self._cost_usd

    @property
    def calls(self) -> list[int]:
        """The numbers of the calls, sorted."""
        return sorted(call for _, _, call in self.asked)


class ScriptedModels(EmbedderModels):
    """Opens models by the `call` of their function provider; keeps the sections that it was asked to open."""

    def __init__(self, **models: Any) -> None:
        super().__init__()
        self._models = models
        self.opened: list[Any] = []

    def model(self, provider: Any) -> Any:
        self.opened.append(provider)
        name = provider.call.partition(":")[2] if provider.type == "function" else "judge"
        return self._models[name]


def compare(_case: Case, messages: tuple[Message, ...], _call: int) -> str:
    """A judge that calls an answer correct if it equals a target, and scores it so."""
    prompt = messages[-1]["content"]
    (answer,) = quoted(prompt, "answer")
    right = answer in quoted(prompt, "target")
    verdict = "correct" if right else "incorrect"
    score = {"reasoning": "compared", "evidence": answer, "score": 5 if right else 1, "confidence": 1}
    return json.dumps({**score, "verdict": verdict})


class ComparingModels(EmbedderModels):
    """Models of which each compares the answer with the targets."""

    def model(self, provider: Any) -> Any:
        return ScriptedModel(compare)


def quoted(prompt: str, name: str) -> list[str]:
    """The texts that a prompt shows under a name."""
    return [match[2] for match in re.finditer(rf"<{name} (\w+)>\n(.*?)\n</{name} \1>", prompt, re.DOTALL)]


def verdict(said: Any, reasoning: str = "because") -> str:
    """A reply as it should be."""
    return json.dumps({"reasoning": reasoning, "verdict": said})
