"""OpenAI's `/chat/completions` and `/completions`, the server's side of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
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
    stops,
    text_of,
)

__all__ = ["Completions", "parse_chat", "parse_completions"]


class _StreamOptions(Struct):
    include_usage: bool | None = None


class _Message(Struct):
    role: str
    content: str | list[dict[str, Any]] | None = None


class _Sampling(Struct, kw_only=True):
    model: str
    n: Annotated[int, Meta(ge=1, le=128)] | None = None
    stream: bool | None = None
    stream_options: _StreamOptions | None = None
    max_tokens: Annotated[int, Meta(ge=1)] | None = None
    stop: str | list[str] | None = None


class _ChatRequest(_Sampling, kw_only=True):
    messages: Annotated[list[_Message], Meta(min_length=1)]
    max_completion_tokens: Annotated[int, Meta(ge=1)] | None = None


class _CompletionsRequest(_Sampling, kw_only=True):
    prompt: str | list[str]


_chat_decoder = msgspec.json.Decoder(_ChatRequest)
_completions_decoder = msgspec.json.Decoder(_CompletionsRequest)


def parse_chat(data: bytes, models: Sequence[str]) -> Completions:
    """A request to `/chat/completions`; raises Refused with 400 or 404."""
    request = decode(_chat_decoder, data)
    check_model(request.model, models)
    texts = [text_of(message.content) for message in request.messages]
    spoken = [text for message, text in zip(request.messages, texts, strict=True) if message.role == "user"]
    limit = request.max_completion_tokens if request.max_completion_tokens is not None else request.max_tokens
    questions = (spoken[-1] if spoken else texts[-1],)
    return Completions(chat=True, asked=_asked(request, questions, texts, limit), include_usage=_has_usage(request))


def parse_completions(data: bytes, models: Sequence[str]) -> Completions:
    """A request to `/completions`; raises Refused with 400 or 404."""
    request = decode(_completions_decoder, data)
    check_model(request.model, models)
    prompts = [request.prompt] if isinstance(request.prompt, str) else request.prompt
    if not prompts:
        raise Refused(400, "prompt: the list is empty", param="prompt")
    asked = _asked(request, tuple(prompts), prompts, request.max_tokens)
    return Completions(chat=False, asked=asked, include_usage=_has_usage(request))


def _asked(request: _Sampling, questions: tuple[str, ...], texts: list[str], max_tokens: int | None) -> Asked:
    return Asked(
        model=request.model,
        questions=questions,
        conversation="\n\n".join(texts),
        content=content_hash(request.model, texts),
        input_tokens=count_tokens(texts),
        n=1 if request.n is None else request.n,
        stream=bool(request.stream),
        max_tokens=max_tokens,
        stop=stops(request.stop),
    )


def _has_usage(request: _Sampling) -> bool:
    return request.stream_options is not None and bool(request.stream_options.include_usage)


class Completions(Struct, frozen=True, kw_only=True):
    """A request for completions, of a chat or of a text."""

    chat: bool
    asked: Asked
    include_usage: bool
    """Whether the last chunk of a stream tells the usage."""

    def body(self, answers: Sequence[Answer], stamp: Stamp) -> dict[str, Any]:
        """The reply in one piece."""
        choices = [
            {"index": index, **self._whole(answer), "logprobs": None, "finish_reason": answer.finish_reason}
            for index, answer in enumerate(answers)
        ]
        name = "chat.completion" if self.chat else "text_completion"
        return {**self._head(stamp, name), "choices": choices, "usage": self._usage(answers)}

    def chunks(self, answers: Sequence[Answer], stamp: Stamp) -> Iterator[Chunk]:
        """The reply as server-sent events, ended by [DONE]."""
        head = self._head(stamp, "chat.completion.chunk" if self.chat else "text_completion")
        if self.include_usage:
            head["usage"] = None
        for index, answer in enumerate(answers):
            if self.chat:
                yield _choice(head, index, {"delta": {"role": "assistant", "content": ""}}, None), False
            for token in answer.tokens:
                part = {"delta": {"content": token}} if self.chat else {"text": token}
                yield _choice(head, index, part, None), True
            yield _choice(head, index, {"delta": {}} if self.chat else {"text": ""}, answer.finish_reason), False
        if self.include_usage:
            yield event({**head, "choices": [], "usage": self._usage(answers)}), False
        yield b"data: [DONE]\n\n", False

    def _head(self, stamp: Stamp, name: str) -> dict[str, Any]:
        prefix = "chatcmpl" if self.chat else "cmpl"
        return {"id": f"{prefix}-{stamp.id}", "object": name, "created": stamp.created, "model": self.asked.model}

    def _whole(self, answer: Answer) -> dict[str, Any]:
        if self.chat:
            return {"message": {"role": "assistant", "content": answer.text, "refusal": None}}
        return {"text": answer.text}

    def _usage(self, answers: Sequence[Answer]) -> dict[str, int]:
        output_tokens = sum(len(answer.tokens) for answer in answers)
        return {
            "prompt_tokens": self.asked.input_tokens,
            "completion_tokens": output_tokens,
            "total_tokens": self.asked.input_tokens + output_tokens,
        }


def _choice(head: dict[str, Any], index: int, part: dict[str, Any], finish_reason: str | None) -> bytes:
    choice = {"index": index, **part, "logprobs": None, "finish_reason": finish_reason}
    return event({**head, "choices": [choice]})
