"""What differs between the protocols that are spoken over HTTP: the form of a request, a reply and a stream."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from evalperf.providers.sse import ServerEvent
from evalperf.records import Completion, Message

__all__ = ["AnswerStream", "Wire"]


class AnswerStream(Protocol):
    """Puts the events of one streamed answer together."""

    @property
    def begun(self) -> bool:
        """Whether a first token has come, be it of the answer or of the thinking before it; it is paid for."""

    @property
    def finished(self) -> bool:
        """Whether the server has said why the answer ends where it does."""

    def add(self, event: ServerEvent) -> bool:
        """Takes an event; whether it was the last one. Raises ProviderError for an error, or an answer too long."""

    def completion(self, ttft_s: float | None) -> Completion:
        """The whole answer; raises ProviderError where it is none."""


class Wire(Protocol):
    """One protocol for one endpoint: it knows the model, the parameters, and which words no message may repeat."""

    path: str
    """Below the endpoint's base."""

    def body(self, messages: Sequence[Message]) -> bytes:
        """The request; raises ProviderError for messages that the protocol has no form for."""

    def read(self, body: bytes) -> Completion:
        """The answer in the body of a whole reply; raises ProviderError where it is none."""

    def stream(self) -> AnswerStream:
        """Where the events of a streamed answer go."""
