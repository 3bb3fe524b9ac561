"""The key of a request's answer: the one place that says which settings of a run decide it."""

from __future__ import annotations

from typing import Any

from evalperf.cache import KeyMaker, is_sampled, response_parts
from evalperf.config.cache import CacheConfig
from evalperf.config.model import AnswerProvider
from evalperf.pipeline.deciding import what_answers
from evalperf.records import Request

__all__ = ["ResponseKeys"]


class ResponseKeys:
    """Makes the keys for the answers of one provider."""

    def __init__(self, provider: AnswerProvider, cache: CacheConfig) -> None:
        answers = what_answers(provider)
        endpoints = getattr(provider, "endpoints", ())
        self.static_parts: dict[str, Any] = response_parts(
            answers, url=endpoints[0].url if endpoints else None, family=cache.responses.family
        )
        self.sampled = is_sampled(answers.get("params", {}))
        """Whether asking again may bring another answer; then each epoch has an entry of its own."""
        self._bypassed = self.sampled and cache.responses.sampled == "bypass"
        self._make = KeyMaker("response", self.static_parts, cache.key_hash)

    def __call__(self, request: Request) -> bytes | None:
        """The key, or None where the answer is neither to be looked up nor kept."""
        return None if self._bypassed else self._make(request.messages, self.repetition(request))

    def epoch(self, request: Request) -> int | None:
        """The epoch as far as it decides the answer."""
        return request.case.epoch if self.sampled else None

    def repetition(self, request: Request) -> int | tuple[int, int] | None:
        """Which of several answers to the same messages is meant: by epoch, and by draw where there are several."""
        epoch = self.epoch(request)
        return epoch if epoch is None or request.draw == 1 else (epoch, request.draw)
