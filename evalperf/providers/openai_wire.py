"""OpenAI's replies, whole and streamed, read into completions; only the fields that a result needs."""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from typing import Any

import msgspec
from msgspec import UNSET, Struct, UnsetType

from evalperf.errors import ProviderError
from evalperf.providers.refusals import excerpt, refusal_in_body
from evalperf.records import Completion, Usage

__all__ = ["StreamedAnswer", "read_completion"]


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


class _Choice(Struct):
    index: int = 0
    text: str | None = None
    message: _Message | None = None
    delta: _Message | None = None
    finish_reason: str | None = None


class _Usage(Struct):
    prompt_tokens: int | None = None
    completion_tokens: int | None = None


class _Reply(Struct):
    """A chat completion, a text completion, or one chunk of either."""

    choices: list[_Choice] | None = None
    model: str | None = None
    usage: _Usage | None = None
    error: Any | UnsetType = UNSET


_decoder = msgspec.json.Decoder(_Reply)


def read_completion(body: bytes, secrets: Collection[str] = ()) -> Completion:
    """The answer in a reply; the first choice, and those of the others that have a text as alternatives.

    Raises ProviderError where there is none: `bad_reply`, or `content_filter`, `truncated`, `empty`.
    """
    reply = _decode(body, secrets)
    if not reply.choices:
        raise _bad_reply("no choices", body, secrets)
    choices = sorted(reply.choices, key=_index) if len(reply.choices) > 1 else reply.choices
    first = choices[0]
    text = _text(first)
    if not text:
        raise _no_text(first.finish_reason, first.message.refusal if first.message else None, secrets)
    return Completion(
        text=text,
        alternatives=tuple(other for choice in choices[1:] if (other := _text(choice))) if len(choices) > 1 else (),
        model=reply.model,
        usage=_read_usage(reply.usage),
        finish_reason=first.finish_reason,
    )


class StreamedAnswer:
    """Puts the chunks of a stream together."""

    def __init__(self, *, max_chars: int, secrets: Collection[str] = ()) -> None:
        self._max_chars = max_chars
        self._secrets = secrets
        self._texts: dict[int, list[str]] = {}
        self._chars = 0
        self._tool_calls: dict[int, _Function] = {}
        self._refusal = ""
        self._finish_reason: str | None = None
        self._usage: Usage | None = None
        self._model: str | None = None

    @property
    def begun(self) -> bool:
        """Whether something of the answer has come, which then is paid for."""
        return bool(self._texts or self._tool_calls or self._refusal)

    @property
    def finished(self) -> bool:
        """Whether the server has said why the answer ends where it does."""
        return self._finish_reason is not None

    def add(self, data: bytes) -> None:
        """Takes the data of one event; raises ProviderError for an error among them."""
        chunk = _decode(data, self._secrets)
        self._model = chunk.model or self._model
        self._usage = _read_usage(chunk.usage) or self._usage
        for choice in chunk.choices or ():
            self._add_choice(choice)
        if self._chars > self._max_chars:
            raise ProviderError("bad_reply", f"the answer is longer than {self._max_chars} characters", status=200)

    def completion(self, ttft_s: float | None) -> Completion:
        """The whole answer; raises ProviderError as `read_completion` does."""
        text = "".join(self._texts.get(0, ()))
        if not text and self._tool_calls:
            text = _render_calls([self._tool_calls[index] for index in sorted(self._tool_calls)])
        if not text:
            raise _no_text(self._finish_reason, self._refusal, self._secrets)
        others = ("".join(self._texts[index]) for index in sorted(self._texts) if index != 0)
        return Completion(
            text=text,
            alternatives=tuple(others),
            model=self._model,
            usage=self._usage,
            finish_reason=self._finish_reason,
            ttft_s=ttft_s,
        )

    def _add_choice(self, choice: _Choice) -> None:
        if choice.index == 0 and choice.finish_reason is not None:
            self._finish_reason = choice.finish_reason
        message = choice.delta or choice.message
        if text := (choice.text if message is None else _content(message)):
            self._texts.setdefault(choice.index, []).append(text)
            self._chars += len(text)
        if message is None or choice.index != 0:
            return
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
        return _render_calls([call.function for call in message.tool_calls if call.function is not None])
    return message.content if isinstance(message.content, str) else _content(message)


def _content(message: _Message) -> str | None:
    content = message.content
    return "".join(part.text or "" for part in content) if isinstance(content, list) else content


def _render_calls(calls: Sequence[_Function]) -> str:
    """Tool calls as JSON, `[{"name", "arguments"}]`, without their random ids."""
    return json.dumps([{"name": call.name, "arguments": _arguments(call)} for call in calls], ensure_ascii=False)


def _arguments(call: _Function) -> Any:
    """As the object that their text should be; as the text itself where the model has written no valid JSON."""
    try:
        return json.loads(call.arguments) if isinstance(call.arguments, str) else call.arguments
    except ValueError:
        return call.arguments


def _read_usage(usage: _Usage | None) -> Usage | None:
    if usage is None or usage.prompt_tokens is None or usage.completion_tokens is None:
        return None
    return Usage(usage.prompt_tokens, usage.completion_tokens)


def _decode(body: bytes, secrets: Collection[str]) -> _Reply:
    try:
        reply = _decoder.decode(body)
    except (ValueError, RecursionError):
        reply = _decode_leniently(body, secrets)
    if reply.error is not UNSET and reply.error:
        raise refusal_in_body(body, secrets=secrets)
    return reply


def _decode_leniently(body: bytes, secrets: Collection[str]) -> _Reply:
    """An answer that was paid for is not lost to a NaN beside it, half a surrogate pair or a number in quotes."""
    try:
        text = body.decode("utf-8-sig", "replace")
        loose = json.loads(text, parse_constant=_as_none)
        return msgspec.convert(_without_surrogates(loose), _Reply, strict=False)
    except RecursionError:
        raise _bad_reply("JSON nested too deep", body, secrets) from None
    except msgspec.ValidationError as error:
        raise _bad_reply(f"not the reply of a completion ({error})", body, secrets) from None
    except ValueError:
        raise _bad_reply("empty body" if not body.strip() else "broken JSON", body, secrets) from None


def _as_none(_constant: str) -> None:
    """NaN and Infinity, which JSON does not have."""


def _without_surrogates(value: Any) -> Any:
    if isinstance(value, str):
        return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    if isinstance(value, list):
        return [_without_surrogates(item) for item in value]
    if isinstance(value, dict):
        return {key: _without_surrogates(item) for key, item in value.items()}
    return value


def _bad_reply(reason: str, body: bytes, secrets: Collection[str]) -> ProviderError:
    found = excerpt(body, secrets)
    return ProviderError("bad_reply", f"{reason}{': ' + found if found else ''}", status=200, retryable=True)


def _no_text(finish_reason: str | None, refusal: str | None, secrets: Collection[str]) -> ProviderError:
    if refusal:
        return ProviderError("content_filter", f"the model refused: {excerpt(refusal, secrets)}", status=200)
    if finish_reason == "content_filter":
        return ProviderError("content_filter", "the server's filter took the answer away", status=200)
    if finish_reason == "length":
        return ProviderError("truncated", "the token limit was reached before the answer began", status=200)
    return ProviderError("empty", f"an answer without text (finish_reason {finish_reason or 'not given'})", status=200)
