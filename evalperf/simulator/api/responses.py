"""OpenAI's `/responses`, the server's side of it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import count
from typing import Annotated, Any

import msgspec
from msgspec import Meta, Struct

from evalperf.simulator.api.asked import (
    Answer,
    Asked,
    Chunk,
    Refused,
    Stamp,
    check_model,
    content_hash,
    count_tokens,
    decode,
    event,
    text_of,
)

__all__ = ["Responses", "parse_responses"]

_INCOMPLETE = {"length": "max_output_tokens", "content_filter": "content_filter"}


class _Item(Struct):
    role: str = "user"
    content: str | list[dict[str, Any]] | None = None


class _Request(Struct, kw_only=True):
    model: str
    input: str | list[_Item]
    instructions: str | None = None
    stream: bool | None = None
    max_output_tokens: Annotated[int, Meta(ge=1)] | None = None


_decoder = msgspec.json.Decoder(_Request)


def parse_responses(data: bytes, models: Sequence[str]) -> Responses:
    """A request to `/responses`; raises Refused with 400 or 404."""
    request = decode(_decoder, data)
    check_model(request.model, models)
    items = [_Item(content=request.input)] if isinstance(request.input, str) else request.input
    if not items:
        raise Refused(400, "input: the list is empty", param="input")
    said = [text_of(item.content) for item in items]
    spoken = [text for item, text in zip(items, said, strict=True) if item.role == "user"]
    texts = said if request.instructions is None else [request.instructions, *said]
    asked = Asked(
        model=request.model,
        questions=(spoken[-1] if spoken else said[-1],),
        conversation="\n\n".join(texts),
        content=content_hash(request.model, texts),
        input_tokens=count_tokens(texts),
        stream=bool(request.stream),
        max_tokens=request.max_output_tokens,
    )
    return Responses(asked=asked, instructions=request.instructions)


class Responses(Struct, frozen=True, kw_only=True):
    """A request for a response."""

    asked: Asked
    instructions: str | None

    def body(self, answers: Sequence[Answer], stamp: Stamp) -> dict[str, Any]:
        """The reply in one piece."""
        (answer,) = answers
        reason = _INCOMPLETE.get(answer.finish_reason)
        status = "completed" if reason is None else "incomplete"
        return {
            **self._head(stamp, status),
            "incomplete_details": None if reason is None else {"reason": reason},
            "output": [_message(stamp, status, answer.text)],
            "usage": self._usage(answer),
        }

    def chunks(self, answers: Sequence[Answer], stamp: Stamp) -> Iterator[Chunk]:
        """The reply as numbered events; the last one carries the whole."""
        (answer,) = answers
        whole = self.body(answers, stamp)
        numbers = count()

        def named(kind: str, **fields: Any) -> bytes:
            return event({"type": kind, "sequence_number": next(numbers), **fields}, name=kind)

        begun = {**self._head(stamp, "in_progress"), "incomplete_details": None, "output": [], "usage": None}
        place = {"item_id": f"msg_{stamp.id}", "output_index": 0, "content_index": 0}
        yield named("response.created", response=begun), False
        yield named("response.in_progress", response=begun), False
        item = {**_message(stamp, "in_progress", ""), "content": []}
        yield named("response.output_item.added", output_index=0, item=item), False
        yield named("response.content_part.added", **place, part=_part("")), False
        for token in answer.tokens:
            yield named("response.output_text.delta", **place, delta=token, logprobs=[]), True
        yield named("response.output_text.done", **place, text=answer.text, logprobs=[]), False
        yield named("response.content_part.done", **place, part=_part(answer.text)), False
        yield named("response.output_item.done", output_index=0, item=whole["output"][0]), False
        yield named(f"response.{whole['status']}", response=whole), False

    def _head(self, stamp: Stamp, status: str) -> dict[str, Any]:
        return {
            "id": f"resp_{stamp.id}",
            "object": "response",
            "created_at": stamp.created,
            "status": status,
            "error": None,
            "instructions": self.instructions,
            "max_output_tokens": self.asked.max_tokens,
            "metadata": {},
            "model": self.asked.model,
            "parallel_tool_calls": True,
            "temperature": 1.0,
            "tool_choice": "auto",
            "tools": [],
            "top_p": 1.0,
        }

    def _usage(self, answer: Answer) -> dict[str, Any]:
        return {
            "input_tokens": self.asked.input_tokens,
            "input_tokens_details": {"cached_tokens": 0},
            "output_tokens": len(answer.tokens),
            "output_tokens_details": {"reasoning_tokens": 0},
            "total_tokens": self.asked.input_tokens + len(answer.tokens),
        }


def _message(stamp: Stamp, status: str, text: str) -> dict[str, Any]:
    return {
        "id": f"msg_{stamp.id}",
        "type": "message",
        "status": status,
        "role": "assistant",
        "content": [_part(text)],
    }


def _part(text: str) -> dict[str, Any]:
    return {"type": "output_text", "text": text, "annotations": [], "logprobs": []}
