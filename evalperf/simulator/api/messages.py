"""Anthropic's `/messages`, the server's side of it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Annotated, Any

import msgspec
from msgspec import Meta, Struct

from evalperf.simulator.api.asked import (
    Answer,
    Asked,
    Chunk,
    Stamp,
    check_model,
    content_hash,
    count_tokens,
    decode,
    event,
    stops,
    text_of,
)

__all__ = ["Messages", "parse_messages"]

_STOP_REASONS = {"stop": "end_turn", "length": "max_tokens", "content_filter": "refusal"}


class _Message(Struct):
    role: str
    content: str | list[dict[str, Any]]


class _Request(Struct, kw_only=True):
    model: str
    messages: Annotated[list[_Message], Meta(min_length=1)]
    max_tokens: Annotated[int, Meta(ge=1)]
    system: str | list[dict[str, Any]] | None = None
    stream: bool | None = None
    stop_sequences: list[str] | None = None


_decoder = msgspec.json.Decoder(_Request)


def parse_messages(data: bytes, models: Sequence[str]) -> Messages:
    """A request to `/messages`; raises Refused with 400 or 404."""
    request = decode(_decoder, data)
    check_model(request.model, models)
    said = [text_of(message.content) for message in request.messages]
    spoken = [text for message, text in zip(request.messages, said, strict=True) if message.role == "user"]
    texts = said if request.system is None else [text_of(request.system), *said]
    asked = Asked(
        model=request.model,
        questions=(spoken[-1] if spoken else said[-1],),
        conversation="\n\n".join(texts),
        content=content_hash(request.model, texts),
        input_tokens=count_tokens(texts),
        stream=bool(request.stream),
        max_tokens=request.max_tokens,
        stop=stops(request.stop_sequences),
    )
    return Messages(asked=asked)


class Messages(Struct, frozen=True, kw_only=True):
    """A request for a message."""

    asked: Asked

    def body(self, answers: Sequence[Answer], stamp: Stamp) -> dict[str, Any]:
        """The reply in one piece."""
        (answer,) = answers
        return {
            **self._head(stamp),
            "content": [{"type": "text", "text": answer.text}] if answer.text else [],
            "stop_reason": _stop_reason(answer),
            "stop_sequence": answer.stopped_by,
            "usage": {"input_tokens": self.asked.input_tokens, "output_tokens": len(answer.tokens)},
        }

    def chunks(self, answers: Sequence[Answer], stamp: Stamp) -> Iterator[Chunk]:
        """The reply as named events."""
        (answer,) = answers
        usage = {"input_tokens": self.asked.input_tokens, "output_tokens": 0}
        begun = {**self._head(stamp), "content": [], "stop_reason": None, "stop_sequence": None, "usage": usage}
        yield _named("message_start", message=begun), False
        yield _named("content_block_start", index=0, content_block={"type": "text", "text": ""}), False
        yield _named("ping"), False
        for token in answer.tokens:
            yield _named("content_block_delta", index=0, delta={"type": "text_delta", "text": token}), True
        yield _named("content_block_stop", index=0), False
        delta = {"stop_reason": _stop_reason(answer), "stop_sequence": answer.stopped_by}
        yield _named("message_delta", delta=delta, usage={"output_tokens": len(answer.tokens)}), False
        yield _named("message_stop"), False

    def _head(self, stamp: Stamp) -> dict[str, Any]:
        return {"id": f"msg_{stamp.id}", "type": "message", "role": "assistant", "model": self.asked.model}


def _stop_reason(answer: Answer) -> str:
    return "stop_sequence" if answer.stopped_by is not None else _STOP_REASONS[answer.finish_reason]


def _named(kind: str, **fields: Any) -> bytes:
    return event({"type": kind, **fields}, name=kind)
