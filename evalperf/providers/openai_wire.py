"""OpenAI's chat and text completions: requests, and replies whole and streamed; only the fields that a result needs."""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from typing import Any

from msgspec import UNSET, Struct, UnsetType

from evalperf.config.model import OpenAIProvider
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
from evalperf.providers.refusals import excerpt, refusal_in_body
from evalperf.providers.sse import ServerEvent
from evalperf.records import Completion, Message, Usage, counted_usage

__all__ = ["CompletionsWire", "prompt_text"]


class _Part(Struct):
    text: str | None = None


class _Function(Struct):
    name: str | None = None
    arguments: Any = None


class _ToolCall(Struct):
    index: int | None = None
    function: _Function | None = None


class _Message(Struct):
    content: str | list[_Part] | None = None
    refusal: str | None = None
    tool_calls: list[_ToolCall] | None = None
    reasoning: Any = None
    reasoning_content: Any = None
    """Thinking, under the two names that servers have for it."""


class _Choice(Struct):
    index: int = 0
    text: str | None = None
    message: _Message | None = None
    delta: _Message | None = None
    finish_reason: str | None = None
    content_filter_results: Any = None
    """Azure's, by category."""


class _Usage(Struct):
    prompt_tokens: int | None = None
    completion_tokens: int | None = None


class _Reply(Struct):
    """A chat completion, a text completion, or one chunk of either."""

    choices: list[_Choice] | None = None
    model: str | None = None
    usage: _Usage | None = None
    error: Any | UnsetType = UNSET


_replies = BodyDecoder(_Reply)


class CompletionsWire:
    """Chat completions, or text completions where the configuration says so."""

    def __init__(self, config: OpenAIProvider, secrets: Collection[str] = ()) -> None:
        self._secrets = secrets
        self._max_chars = config.max_reply_bytes
        self._chat = config.api == "chat"
        self.path = "/chat/completions" if self._chat else "/completions"
        # all of a body but the prompt is the same for every case, so it is rendered once
        field = b"messages" if self._chat else b"prompt"
        self._head = b'{"model":%s,"%s":' % (encode(config.model), field)
        self._tail = fields_after(_fixed_fields(config))

    def body(self, messages: Sequence[Message]) -> bytes:
        """The request; raises ProviderError where a text is wanted and the messages are more than that."""
        return self._head + encode(messages if self._chat else prompt_text(messages)) + self._tail

    def read(self, body: bytes) -> Completion:
        """The answer in a reply; the first choice, and those of the others that have a text as alternatives.

        Raises ProviderError where there is none: `bad_reply`, or `content_filter`, `truncated`, `empty`.
        """
        reply = _decode(body, self._secrets)
        if not reply.choices:
            raise bad_reply("no choices", body, self._secrets)
        choices = sorted(reply.choices, key=_index) if len(reply.choices) > 1 else reply.choices
        first = choices[0]
        text = _text(first)
        if not text or first.finish_reason == "content_filter":
            raise _no_answer(first, self._secrets)
        return Completion(
            text=text,
            alternatives=tuple(_whole_texts(choices[1:])) if len(choices) > 1 else (),
            model=reply.model,
            usage=_read_usage(reply.usage),
            finish_reason=first.finish_reason,
        )

    def stream(self) -> _StreamedAnswer:
        """For the chunks of a stream."""
        return _StreamedAnswer(max_chars=self._max_chars, secrets=self._secrets)


def prompt_text(messages: Sequence[Message]) -> str:
    """One text for the completions API: the contents of all messages, without their roles, a blank line between.

    A single user message thus goes out as it is. Raises ProviderError for a part that is not text.
    """
    texts = [text_of(message) for message in messages]
    if None in texts:
        raise ProviderError(
            "rejected", "the completions API takes text only, and a message of this case is more than that"
        )
    return "\n\n".join(text for text in texts if text is not None)


def _fixed_fields(config: OpenAIProvider) -> dict[str, Any]:
    """What follows the prompt; a parameter that is null takes back one that we set (`stream_options`)."""
    ours: dict[str, Any] = {"stream": True, "stream_options": {"include_usage": True}} if config.stream else {}
    fields = {**ours, **config.params}
    if fields.get("stream_options", ...) is None:
        del fields["stream_options"]
    return fields


class _StreamedAnswer:
    """Puts the chunks of a stream together."""

    def __init__(self, *, max_chars: int, secrets: Collection[str] = ()) -> None:
        self._max_chars = max_chars
        self._secrets = secrets
        self._texts: dict[int, list[str]] = {}
        self._chars = 0
        self._tool_calls: dict[int, _Function] = {}
        self._refusal = ""
        self._thinking = False
        self._last: dict[int, _Choice] = {}  # that said why an answer ended
        self._usage: Usage | None = None
        self._model: str | None = None

    @property
    def begun(self) -> bool:
        """Whether a first token has come."""
        return bool(self._texts or self._tool_calls or self._refusal or self._thinking)

    @property
    def finished(self) -> bool:
        """Whether the server has said why the answer ends where it does."""
        return 0 in self._last

    def add(self, event: ServerEvent) -> bool:
        """Takes a chunk; the end is marked by an event that is none."""
        chunk = _decode(event.data, self._secrets)
        self._model = chunk.model or self._model
        self._usage = _read_usage(chunk.usage) or self._usage
        for choice in chunk.choices or ():
            self._add_choice(choice)
        if self._chars > self._max_chars:
            raise too_long(self._max_chars)
        return False

    def completion(self, ttft_s: float | None) -> Completion:
        """The whole answer; raises ProviderError as `read_completion` does."""
        first = self._last.get(0, _Choice())
        text = "".join(self._texts.get(0, ()))
        if not text and self._tool_calls:
            calls = [self._tool_calls[index] for index in sorted(self._tool_calls)]
            text = rendered_calls((call.name, call.arguments) for call in calls)
        if not text or first.finish_reason == "content_filter":
            first.message = _Message(refusal=self._refusal)
            raise _no_answer(first, self._secrets)
        return Completion(
            text=text,
            alternatives=tuple("".join(self._texts[index]) for index in sorted(self._texts) if self._is_further(index)),
            model=self._model,
            usage=self._usage,
            finish_reason=first.finish_reason,
            ttft_s=ttft_s,
        )

    def _is_further(self, index: int) -> bool:
        return index != 0 and (index not in self._last or self._last[index].finish_reason != "content_filter")

    def _add_choice(self, choice: _Choice) -> None:
        if choice.finish_reason is not None:
            self._last[choice.index] = choice
        message = choice.delta or choice.message
        if text := (choice.text if message is None else _content(message)):
            self._texts.setdefault(choice.index, []).append(text)
            self._chars += len(text)
        if message is None or choice.index != 0:
            return
        self._thinking = self._thinking or bool(message.reasoning or message.reasoning_content)
        if message.refusal:
            self._refusal += message.refusal
            self._chars += len(message.refusal)
        for position, call in enumerate(message.tool_calls or ()):
            self._add_call(position if call.index is None else call.index, call.function)

    def _add_call(self, index: int, piece: _Function | None) -> None:
        whole = self._tool_calls.setdefault(index, _Function(arguments=""))
        self._chars += 1  # an endless list of empty calls ends too
        if piece is None:
            return
        whole.name = whole.name or piece.name
        if piece.arguments is not None:
            arguments = piece.arguments if isinstance(piece.arguments, str) else json.dumps(piece.arguments)
            whole.arguments += arguments
            self._chars += len(arguments)


def _index(choice: _Choice) -> int:
    return choice.index


def _text(choice: _Choice) -> str | None:
    message = choice.message
    if message is None:
        return choice.text
    if message.tool_calls and not message.content:
        functions = [call.function for call in message.tool_calls if call.function is not None]
        return rendered_calls((function.name, function.arguments) for function in functions)
    return message.content if isinstance(message.content, str) else _content(message)


def _whole_texts(choices: Sequence[_Choice]) -> list[str]:
    return [text for choice in choices if choice.finish_reason != "content_filter" and (text := _text(choice))]


def _content(message: _Message) -> str | None:
    content = message.content
    return "".join(part.text or "" for part in content) if isinstance(content, list) else content


def _read_usage(usage: _Usage | None) -> Usage | None:
    return None if usage is None else counted_usage(usage.prompt_tokens, usage.completion_tokens)


def _decode(body: bytes, secrets: Collection[str]) -> _Reply:
    reply = _replies.decode(body, secrets)
    if reply.error is not UNSET and reply.error:
        raise refusal_in_body(body, secrets=secrets)
    return reply


def _no_answer(choice: _Choice, secrets: Collection[str]) -> ProviderError:
    """A text that the server's filter has cut off is no answer of the model either."""
    error = no_text(choice.finish_reason, choice.message.refusal if choice.message else None, secrets)
    results = choice.content_filter_results
    if error.kind == "content_filter" and isinstance(results, dict):
        named = [name for name, found in results.items() if isinstance(found, dict) and found.get("filtered") is True]
        if named:
            return ProviderError(error.kind, f"{error.message} ({excerpt(', '.join(named), secrets)})", status=200)
    return error
