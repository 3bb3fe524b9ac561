"""OpenAI's HTTP protocol: chat and text completions, whole or streamed."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Any

import orjson

from evalperf import clock
from evalperf.config.model import OpenAIProvider
from evalperf.errors import ConfigError, ProviderError, StoppedError
from evalperf.providers.base import Unreachable
from evalperf.providers.endpoint import HttpEndpoint, http_endpoints
from evalperf.providers.http import HttpTransport
from evalperf.providers.openai_wire import StreamedAnswer, read_completion
from evalperf.providers.refusals import is_page, page, refusal, refusal_in_body
from evalperf.providers.sse import EventParser, EventTooLongError, ServerEvent
from evalperf.providers.transport import HttpLimits, Reply, Stream, Transport
from evalperf.records import Completion, Message, Request

__all__ = ["OpenAI", "open_openai"]

_PATHS = {"chat": "/chat/completions", "completions": "/completions"}
_PROMPT_FIELDS = {"chat": "messages", "completions": "prompt"}


def open_openai(config: OpenAIProvider, *, connections: int) -> tuple[OpenAI, ...]:
    """One provider per endpoint, each with its own pool of `connections`; needs a running loop.

    Raises ConfigError for a URL or a header that can't be sent.
    """
    limits = HttpLimits(
        connect_s=config.timeouts.connect_s,
        attempt_s=config.timeouts.attempt_s,
        idle_s=config.timeouts.idle_s,
        max_reply_bytes=config.max_reply_bytes,
    )
    return tuple(
        OpenAI(
            config,
            endpoint,
            HttpTransport(endpoint.headers, limits, connections=connections, verify_tls=config.verify_tls),
        )
        for endpoint in http_endpoints(config.endpoints)
    )


class OpenAI:
    """One endpoint that speaks OpenAI's protocol."""

    paid = True
    in_process = False

    def __init__(self, config: OpenAIProvider, endpoint: HttpEndpoint, transport: Transport) -> None:
        self.name = endpoint.name
        self.model: str | None = config.model
        self._config = config
        self._endpoint = endpoint
        self._transport = transport
        self._url = endpoint.address(_PATHS[config.api])
        # all of a body but the prompt is the same for every case, so it is rendered once
        self._head = b'{"model":%s,"%s":' % (_encode(config.model), _PROMPT_FIELDS[config.api].encode())
        self._tail = _encode_tail(config)

    async def check(self) -> None:
        """Asks for the list of models: whatever is answered, but 401 and 403, shows that someone is there."""
        url = self._endpoint.address("/models")
        try:
            reply = await self._transport.get(url, within_s=self._config.timeouts.connect_s)
        except Unreachable as error:
            raise ConfigError(f"endpoint {self.name} ({url}): {error.message}", hint=error.hint) from error
        except ProviderError:
            return  # someone is there; what it does with completions will be seen
        if reply.status in {401, 403}:
            raise StoppedError(
                f"endpoint {self.name} ({url}) refuses the credentials: {self._refusal(reply).message}",
                hint="set api_key_env to the variable that holds the key, and auth to the header that carries it",
            )

    async def complete(self, request: Request) -> Completion:
        """The answer to a request; with n > 1 the further ones as its alternatives."""
        asked = request.messages if self._config.api == "chat" else prompt_text(request.messages)
        body = self._head + _encode(asked) + self._tail
        if self._config.stream:
            return await self._stream(body)
        return self._read(await self._transport.post(self._url, body))

    async def aclose(self) -> None:
        """Closes the connections."""
        await self._transport.aclose()

    def _read(self, reply: Reply) -> Completion:
        if not 200 <= reply.status < 300:
            raise self._refusal(reply)
        if reply.body[:1] != b"{" and is_page(reply.headers, reply.body):
            raise page(reply.status, reply.body)
        return read_completion(reply.body, self._endpoint.secrets)

    def _refusal(self, reply: Reply) -> ProviderError:
        return refusal(reply.status, reply.headers, reply.body, secrets=self._endpoint.secrets)

    async def _stream(self, body: bytes) -> Completion:
        """As `complete`; a failure may be tried again only while nothing of the answer has come."""
        sent_s = clock.now()
        answer = StreamedAnswer(max_chars=self._config.max_reply_bytes, secrets=self._endpoint.secrets)
        try:
            async with self._transport.stream(self._url, body) as stream:
                if stream.status != 200 or "event-stream" not in stream.headers.get("content-type", ""):
                    return self._read(Reply(stream.status, stream.headers, await stream.rest()))
                first_s = await self._follow(stream, answer)
        except ProviderError as error:
            error.retryable = error.retryable and not answer.begun
            raise
        return answer.completion(None if first_s is None else first_s - sent_s)

    async def _follow(self, stream: Stream, answer: StreamedAnswer) -> float | None:
        """Reads the stream to its end; the time at which the first piece of the answer was there."""
        events = EventParser(self._config.max_reply_bytes)
        first_s: float | None = None
        ended = False
        try:
            while not ended and (piece := await stream.piece()):
                ended = self._take(events.feed(piece), answer)
                if first_s is None and answer.begun:
                    first_s = clock.now()
            if ended:
                await stream.drain()
            else:
                ended = self._take(events.finish(), answer)
        except EventTooLongError as error:
            raise ProviderError("bad_reply", str(error), status=stream.status) from error
        if not ended and not answer.finished:
            raise ProviderError("connection", "the stream broke off", status=stream.status, retryable=True)
        return first_s

    def _take(self, events: Iterable[ServerEvent], answer: StreamedAnswer) -> bool:
        """Whether the mark of the end was among the events."""
        for event in events:
            if event.data == b"[DONE]":
                return True
            if event.name == "error":
                raise refusal_in_body(event.data, secrets=self._endpoint.secrets)
            answer.add(event.data)
        return False


def prompt_text(messages: Sequence[Message]) -> str:
    """One text for the completions API: the contents of all messages, without their roles, a blank line between.

    A single user message thus goes out as it is. Raises ProviderError for a part that is not text.
    """
    return "\n\n".join(_content_text(message.get("content")) for message in messages)


def _content_text(content: Any) -> str:
    if isinstance(content, str):
        return content
    if isinstance(content, list) and all(isinstance(part, dict) and part.get("type") == "text" for part in content):
        return "".join(str(part.get("text", "")) for part in content)
    raise ProviderError("rejected", "the completions API takes text only, and a message of this case is more than that")


def _encode_tail(config: OpenAIProvider) -> bytes:
    """What follows the prompt; a parameter that is null takes back one that we set (`stream_options`)."""
    ours: dict[str, Any] = {"stream": True, "stream_options": {"include_usage": True}} if config.stream else {}
    fields = {**ours, **config.params}
    if fields.get("stream_options", ...) is None:
        del fields["stream_options"]
    return b"," + _encode(fields)[1:] if fields else b"}"


def _encode(value: Any) -> bytes:
    try:
        return orjson.dumps(value)
    except TypeError:  # half a surrogate pair, a number beyond 64 bits, nesting beyond 254: all valid in JSON
        return json.dumps(value).encode("ascii")
