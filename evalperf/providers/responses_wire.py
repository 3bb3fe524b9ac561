"""OpenAI's Responses API: requests, and replies whole and streamed; only the fields that a result needs."""

from __future__ import annotations

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
from evalperf.providers.refusals import refusal_in_body
from evalperf.providers.sse import ServerEvent
from evalperf.records import Completion, Message, Usage, counted_usage

__all__ = ["ResponsesWire"]

_FINISH_REASONS = {"max_output_tokens": "length", "content_filter": "content_filter"}
"""What the other APIs call the reasons for an incomplete response; one that is not here keeps its name."""

_FAILED = frozenset({"failed", "cancelled"})
_UNDER_WAY = frozenset({"queued", "in_progress"})


class _Part(Struct):
    type: str = ""
    text: str | None = None
    refusal: str | None = None


class _Item(Struct):
    """One item of the output: a message, a call of a function, reasoning."""

    type: str = ""
    content: list[_Part] | None = None
    name: str | None = None
    arguments: str | None = None


class _Incomplete(Struct):
    reason: str | None = None


class _Usage(Struct):
    input_tokens: int | None = None
    output_tokens: int | None = None


class _Response(Struct):
    status: str | None = None
    output: list[_Item] | None = None
    model: str | None = None
    incomplete_details: _Incomplete | None = None
    usage: _Usage | None = None
    error: Any | UnsetType = UNSET


class _Event(Struct):
    """Any event of a stream; the last one carries the whole response once more."""

    type: str = ""
    delta: Any = None
    response: _Response | None = None


_responses = BodyDecoder(_Response)
_events = BodyDecoder(_Event)


class ResponsesWire:
    """The Responses API; parts of messages in the form of chat completions are put into its own."""

    path = "/responses"

    def __init__(self, config: OpenAIProvider, secrets: Collection[str] = ()) -> None:
        self._secrets = secrets
        self._max_chars = config.max_reply_bytes
        self._head = b'{"model":%s,"input":' % encode(config.model)
        self._tail = fields_after({**({"stream": True} if config.stream else {}), **config.params})

    def body(self, messages: Sequence[Message]) -> bytes:
        """The request: the system messages it begins with are its instructions, a blank line between them."""
        instructions: list[str] = []
        for message in messages:
            text = text_of(message) if message.get("role") in {"system", "developer"} else None
            if text is None:
                break
            instructions.append(text)
        items = encode([_item(message) for message in messages[len(instructions) :]])
        if not instructions:
            return self._head + items + self._tail
        return self._head + items + b',"instructions":' + encode("\n\n".join(instructions)) + self._tail

    def read(self, body: bytes) -> Completion:
        """The answer in a reply: the texts of its messages, or its calls of functions where it has no text.

        Raises ProviderError where there is none: `bad_reply`, or `content_filter`, `truncated`, `empty`.
        """
        response = _responses.decode(body, self._secrets)
        if response.output is None and (response.error is UNSET or not response.error):
            raise bad_reply("no output", body, self._secrets)
        return _completion(response, self._secrets)

    def stream(self) -> _StreamedAnswer:
        """For the events of a stream."""
        return _StreamedAnswer(max_chars=self._max_chars, secrets=self._secrets)


class _StreamedAnswer:
    """Keeps the texts as they come, until the last event tells the whole response."""

    def __init__(self, *, max_chars: int, secrets: Collection[str]) -> None:
        self._max_chars = max_chars
        self._secrets = secrets
        self._texts: list[str] = []
        self._chars = 0
        self._response: _Response | None = None
        self.begun = False

    @property
    def finished(self) -> bool:
        """Whether the whole response has come."""
        return self._response is not None

    def add(self, event: ServerEvent) -> bool:
        """Takes an event; of those that are not known only the deltas count, as signs that the answer has begun."""
        found = _events.decode(event.data, self._secrets)
        match found.type:
            case "error":
                raise refusal_in_body(event.data, secrets=self._secrets)
            case "response.completed" | "response.incomplete" | "response.failed":
                self._response = found.response
            case kind if kind.endswith(".delta") and isinstance(found.delta, str) and found.delta:
                self._extend(found.delta, is_text=kind == "response.output_text.delta")
        return self.finished

    def completion(self, ttft_s: float | None) -> Completion:
        """The whole answer; raises ProviderError as for a whole reply."""
        response = self._response or _Response()
        return _completion(response, self._secrets, streamed="".join(self._texts), ttft_s=ttft_s)

    def _extend(self, delta: str, *, is_text: bool) -> None:
        self.begun = True
        self._chars += len(delta)
        if self._chars > self._max_chars:
            raise too_long(self._max_chars)
        if is_text:
            self._texts.append(delta)


def _completion(
    response: _Response, secrets: Collection[str], *, streamed: str = "", ttft_s: float | None = None
) -> Completion:
    """The answer in a response; `streamed` is its text where a server leaves it out of the last event."""
    if response.status in _FAILED or (response.error is not UNSET and response.error):
        said = response.error or f"the response is {response.status}"
        raise refusal_in_body(encode({"error": said}), secrets=secrets)
    if response.status in _UNDER_WAY:
        raise ProviderError("bad_reply", f'the response is {response.status}: leave "background" out', status=200)
    parts = [part for item in response.output or () if item.type == "message" for part in item.content or ()]
    text = "".join(part.text or "" for part in parts if part.type == "output_text") or streamed
    calls = [(item.name, item.arguments) for item in response.output or () if item.type == "function_call"]
    finish_reason = _finish_reason(response, calls=not text and bool(calls))
    text = text or (rendered_calls(calls) if calls else "")
    if not text or finish_reason == "content_filter":
        raise no_text(finish_reason, "".join(part.refusal or "" for part in parts), secrets)
    return Completion(
        text=text,
        model=response.model,
        usage=_read_usage(response.usage),
        finish_reason=finish_reason,
        ttft_s=ttft_s,
    )


def _finish_reason(response: _Response, *, calls: bool) -> str | None:
    if response.incomplete_details is not None and response.incomplete_details.reason is not None:
        reason = response.incomplete_details.reason
        return _FINISH_REASONS.get(reason, reason)
    if response.status != "completed":
        return response.status
    return "tool_calls" if calls else "stop"


def _item(message: Message) -> Message:
    content = message.get("content")
    if not isinstance(content, list):
        return message
    answered = message.get("role") == "assistant"
    return {**message, "content": [_part(part, answered=answered) for part in content]}


def _part(part: Any, *, answered: bool) -> Any:
    """A part of a message as the API has it; what is not one of chat completions is left as it is."""
    if not isinstance(part, dict):
        return part
    if part.get("type") == "text":
        return {**part, "type": "output_text" if answered else "input_text"}
    image = part.get("image_url")
    if part.get("type") == "image_url" and isinstance(image, dict):
        return _image(image)
    return part


def _image(image: dict[str, Any]) -> dict[str, Any]:
    detail = {"detail": image["detail"]} if "detail" in image else {}
    return {"type": "input_image", "image_url": image.get("url"), **detail}


def _read_usage(usage: _Usage | None) -> Usage | None:
    return None if usage is None else counted_usage(usage.input_tokens, usage.output_tokens)
