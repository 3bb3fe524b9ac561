"""Anthropic's Messages API: requests, and replies whole and streamed; only the fields that a result needs."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Sequence
from typing import Any

from msgspec import UNSET, Struct, UnsetType

from evalperf.config.model import AnthropicProvider
from evalperf.errors import ProviderError
from evalperf.providers.reading import (
    BodyDecoder,
    bad_reply,
    encode,
    fields_after,
    no_text,
    rendered_calls,
    text_of,
    too_long,
)
from evalperf.providers.refusals import refusal_in_body
from evalperf.providers.sse import ServerEvent
from evalperf.records import Completion, Message, Usage, counted_usage

__all__ = ["MessagesWire"]

_FINISH_REASONS = {
    "end_turn": "stop",
    "stop_sequence": "stop",
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    "tool_use": "tool_calls",
    "refusal": "content_filter",
}
"""What others call the API's stop reasons; one that is not here keeps its name."""

_DATA_URL = re.compile(r"data:([\w.+-]+/[\w.+-]+);base64,(.*)", re.DOTALL)


class _Usage(Struct):
    input_tokens: int | None = None
    output_tokens: int | None = None
    cache_creation_input_tokens: int | None = None
    cache_read_input_tokens: int | None = None


class _Block(Struct):
    """A block of the answer: a text, a call of a tool, or thinking."""

    type: str = ""
    text: str | None = None
    name: str | None = None
    input: Any = None


class _Reply(Struct):
    content: list[_Block] | None = None
    model: str | None = None
    stop_reason: str | None = None
    usage: _Usage | None = None
    error: Any | UnsetType = UNSET


class _Delta(Struct):
    text: str | None = None
    partial_json: str | None = None
    stop_reason: str | None = None


class _Event(Struct):
    """Any event of a stream; an event of a kind that is not known has nothing for us in it."""

    type: str = ""
    index: int = 0
    message: _Reply | None = None
    content_block: _Block | None = None
    delta: _Delta | None = None
    usage: _Usage | None = None
    error: Any | UnsetType = UNSET


_replies = BodyDecoder(_Reply)
_events = BodyDecoder(_Event)


class MessagesWire:
    """The Messages API; images that stand in a message in OpenAI's form are put into Anthropic's."""

    path = "/messages"

    def __init__(self, config: AnthropicProvider, secrets: Collection[str] = ()) -> None:
        self._secrets = secrets
        self._max_chars = config.max_reply_bytes
        self._head = b'{"model":%s,"messages":' % encode(config.model)
        self._tail = fields_after({**({"stream": True} if config.stream else {}), **config.params})

    def body(self, messages: Sequence[Message]) -> bytes:
        """The request: system messages, wherever they stand, go into `system`, a blank line between them."""
        system = [message for message in messages if message.get("role") in {"system", "developer"}]
        turns = [_turn(message) for message in messages if message.get("role") not in {"system", "developer"}]
        if not system:
            return self._head + encode(turns) + self._tail
        return self._head + encode(turns) + b',"system":' + encode(_system_text(system)) + self._tail

    def read(self, body: bytes) -> Completion:
        """The answer in a reply: its blocks of text, or its calls of tools where it has no text.

        Raises ProviderError where there is none: `bad_reply`, or `content_filter`, `truncated`, `empty`.
        """
        reply = _replies.decode(body, self._secrets)
        if reply.error is not UNSET and reply.error:
            raise refusal_in_body(body, secrets=self._secrets)
        if reply.content is None:
            raise bad_reply("no content", body, self._secrets)
        text = "".join(block.text or "" for block in reply.content if block.type == "text")
        calls = [(block.name, block.input) for block in reply.content if block.type == "tool_use"]
        finish_reason = _finish_reason(reply.stop_reason)
        return Completion(
            text=_answer(text, calls, finish_reason, self._secrets),
            model=reply.model,
            usage=_read_usage(reply.usage),
            finish_reason=finish_reason,
        )

    def stream(self) -> _StreamedAnswer:
        """For the events of a stream."""
        return _StreamedAnswer(max_chars=self._max_chars, secrets=self._secrets)


class _StreamedAnswer:
    """Puts the events of a stream together."""

    def __init__(self, *, max_chars: int, secrets: Collection[str]) -> None:
        self._max_chars = max_chars
        self._secrets = secrets
        self._texts: list[str] = []
        self._calls: dict[int, tuple[str | None, list[str]]] = {}
        self._chars = 0
        self._usage = _Usage()
        self._model: str | None = None
        self._stop_reason: str | None = None
        self.begun = False

    @property
    def finished(self) -> bool:
        """Whether the server has said why the answer ends where it does."""
        return self._stop_reason is not None

    def add(self, event: ServerEvent) -> bool:
        """Takes an event; one of a kind that is not known is passed over, as the API asks for."""
        found = _events.decode(event.data, self._secrets)
        match found.type:
            case "error":
                raise refusal_in_body(event.data, secrets=self._secrets)
            case "message_start" if found.message is not None:
                self._model = found.message.model
                self._count(found.message.usage)
            case "content_block_start" if found.content_block is not None:
                self._begin(found.index, found.content_block)
            case "content_block_delta" if found.delta is not None:
                self._extend(found.index, found.delta)
            case "message_delta":
                self._count(found.usage)
                if found.delta is not None:
                    self._stop_reason = found.delta.stop_reason or self._stop_reason
        if self._chars > self._max_chars:
            raise too_long(self._max_chars)
        return found.type == "message_stop"

    def completion(self, ttft_s: float | None) -> Completion:
        """The whole answer; raises ProviderError as for a whole reply."""
        calls = [(name, "".join(pieces) or "{}") for name, pieces in self._calls.values()]
        finish_reason = _finish_reason(self._stop_reason)
        return Completion(
            text=_answer("".join(self._texts), calls, finish_reason, self._secrets),
            model=self._model,
            usage=_read_usage(self._usage),
            finish_reason=finish_reason,
            ttft_s=ttft_s,
        )

    def _begin(self, index: int, block: _Block) -> None:
        self._chars += 1  # an endless list of empty blocks ends too
        if block.type == "tool_use":
            self.begun = True
            self._calls[index] = (block.name, [json.dumps(block.input)] if block.input else [])
        elif block.type == "text" and block.text:
            self._extend(index, _Delta(text=block.text))

    def _extend(self, index: int, delta: _Delta) -> None:
        self.begun = True  # a piece of thinking is a token as well
        if delta.text:
            self._texts.append(delta.text)
            self._chars += len(delta.text)
        elif delta.partial_json and index in self._calls:
            self._calls[index][1].append(delta.partial_json)
            self._chars += len(delta.partial_json)

    def _count(self, usage: _Usage | None) -> None:
        """Counts are those of the whole answer so far, and an event names only some of them."""
        for name in _Usage.__struct_fields__ if usage is not None else ():
            if (count := getattr(usage, name)) is not None:
                setattr(self._usage, name, count)


def _system_text(messages: Sequence[Message]) -> str:
    texts = [text_of(message) for message in messages]
    if None in texts:
        raise ProviderError("rejected", "a system message of this case is more than text, which the API does not take")
    return "\n\n".join(text for text in texts if text is not None)


def _turn(message: Message) -> Message:
    content = message.get("content")
    if not isinstance(content, list):
        return message
    return {**message, "content": [_part(part) for part in content]}


def _part(part: Any) -> Any:
    """A part of a message as the API has it; all but OpenAI's pictures are left as they are."""
    if not isinstance(part, dict) or part.get("type") != "image_url":
        return part
    image = part.get("image_url")
    url = image.get("url") if isinstance(image, dict) else image
    if not isinstance(url, str):
        return part
    if (inline := _DATA_URL.fullmatch(url)) is not None:
        return {"type": "image", "source": {"type": "base64", "media_type": inline[1], "data": inline[2]}}
    return {"type": "image", "source": {"type": "url", "url": url}}


def _answer(
    text: str, calls: Sequence[tuple[str | None, Any]], finish_reason: str | None, secrets: Collection[str]
) -> str:
    """The text, or the calls of tools; what a filter has cut off is no answer of the model."""
    if finish_reason == "content_filter":
        raise no_text(finish_reason, None, secrets)
    text = text or (rendered_calls(calls) if calls else "")
    if not text:
        raise no_text(finish_reason, None, secrets)
    return text


def _finish_reason(stop_reason: str | None) -> str | None:
    return None if stop_reason is None else _FINISH_REASONS.get(stop_reason, stop_reason)


def _read_usage(usage: _Usage | None) -> Usage | None:
    """Tokens that were read from or written to the cache are input as well: the API counts them apart."""
    if usage is None or usage.input_tokens is None:
        return None
    cached = (usage.cache_creation_input_tokens or 0) + (usage.cache_read_input_tokens or 0)
    return counted_usage(usage.input_tokens + cached, usage.output_tokens)
