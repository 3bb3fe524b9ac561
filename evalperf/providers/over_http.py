"""One endpoint that is asked over HTTP, in whichever protocol: what a reply means, and when a stream has ended."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TypeAlias

from msgspec import structs

from evalperf import clock
from evalperf.config.model import AnthropicProvider, OpenAIProvider
from evalperf.errors import ProviderError
from evalperf.providers.base import ConnectionStatistics
from evalperf.providers.checks import HealthCheck, check_endpoint
from evalperf.providers.endpoint import HttpEndpoint
from evalperf.providers.headers import LimitHeaders
from evalperf.providers.http import open_transport
from evalperf.providers.refusals import hidden, is_page, page, refusal, refusal_in_body
from evalperf.providers.sse import EventParser, EventTooLongError, ServerEvent
from evalperf.providers.transport import HttpLimits, Reply, Stream, Transport
from evalperf.providers.wire import AnswerStream, Wire
from evalperf.records import Completion, Request

__all__ = ["OverHttp", "open_over_http"]

HttpConfig: TypeAlias = OpenAIProvider | AnthropicProvider


def open_over_http(
    config: HttpConfig,
    endpoints: Iterable[HttpEndpoint],
    wire_for: Callable[[HttpEndpoint], Wire],
    *,
    connections: int,
) -> tuple[OverHttp, ...]:
    """One provider per endpoint, each with a pool of its own for `connections` calls at once; needs a running loop."""
    limits = HttpLimits(
        connect_s=config.timeouts.connect_s,
        attempt_s=config.timeouts.attempt_s,
        idle_s=config.timeouts.idle_s,
        max_reply_bytes=config.max_reply_bytes,
    )

    def opened(endpoint: HttpEndpoint) -> Transport:
        # one more than there are calls: a check must not wait behind them
        return open_transport(endpoint, limits, connections=connections + 1, verify_tls=config.verify_tls)

    return tuple(OverHttp(config, endpoint, opened(endpoint), wire_for(endpoint)) for endpoint in endpoints)


class OverHttp:
    """One endpoint of a provider over HTTP."""

    paid = True
    in_process = False

    def __init__(self, config: HttpConfig, endpoint: HttpEndpoint, transport: Transport, wire: Wire) -> None:
        self.name = endpoint.name
        self.model: str | None = config.model
        self._config = config
        self._endpoint = endpoint
        self._transport = transport
        self._wire = wire
        self._streams = config.stream
        self._url = endpoint.address(wire.path)
        self._health = HealthCheck(transport, endpoint)
        self._limit_headers = LimitHeaders()

    async def check(self) -> None:
        """Asks for the list of models: whether someone is there, takes the key, and knows the model."""
        await check_endpoint(
            self._transport, self._endpoint, model=self._config.model, within_s=self._config.timeouts.connect_s
        )

    async def complete(self, request: Request) -> Completion:
        """The answer to a request; where several were asked for, the further ones as its alternatives."""
        body = self._wire.body(request.messages)
        if self._streams:
            return await self._stream(body)
        return self._read(await self._transport.post(self._url, body))

    async def probe(self, within_s: float) -> ProviderError | None:
        """Asks for `/health` beside the base or the list of models, whichever the server turns out to have."""
        return await self._health.probe(within_s)

    def connection_statistics(self) -> ConnectionStatistics:
        """How often a connection served again, so far."""
        return self._transport.connection_statistics()

    async def aclose(self) -> None:
        """Closes the connections."""
        await self._transport.aclose()

    def _read(self, reply: Reply) -> Completion:
        limits = self._limit_headers.among(reply.headers)
        try:
            if not 200 <= reply.status < 300:
                raise refusal(reply.status, reply.headers, reply.body, secrets=self._endpoint.secrets)
            if reply.body[:1] != b"{" and is_page(reply.headers, reply.body):
                raise page(reply.status, reply.body, secrets=self._endpoint.secrets)
            completion = self._wire.read(reply.body)
        except ProviderError as error:
            error.limit_headers = limits
            raise
        completion = _without(self._endpoint.credentials, completion)
        return completion if limits is None else structs.replace(completion, limit_headers=limits)

    async def _stream(self, body: bytes) -> Completion:
        """As `complete`; a failure may be tried again only while nothing of the answer has come."""
        sent_s = clock.now()
        answer = self._wire.stream()
        async with self._transport.stream(self._url, body) as stream:
            if stream.status != 200 or "event-stream" not in stream.headers.get("content-type", ""):
                return self._read(Reply(stream.status, stream.headers, await stream.rest()))
            limits = self._limit_headers.among(stream.headers)
            try:
                first_s = await self._follow(stream, answer)
                completion = answer.completion(None if first_s is None else first_s - sent_s)
            except ProviderError as error:
                error.retryable = error.retryable and not answer.begun
                error.limit_headers = limits
                raise
        completion = _without(self._endpoint.credentials, completion)
        return completion if limits is None else structs.replace(completion, limit_headers=limits)

    async def _follow(self, stream: Stream, answer: AnswerStream) -> float | None:
        """Reads the stream to its end; the time at which the first token was there."""
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

    def _take(self, events: Iterable[ServerEvent], answer: AnswerStream) -> bool:
        """Whether the end was among the events."""
        for event in events:
            if event.data == b"[DONE]":
                return True
            if event.name == "error":
                raise refusal_in_body(event.data, secrets=self._endpoint.secrets)
            if answer.add(event):
                return True
        return False


def _without(credentials: tuple[str, ...], completion: Completion) -> Completion:
    """The completion in which no credential stands: a gateway may answer with what it was sent."""
    texts = (completion.text, completion.model or "", completion.finish_reason or "", *completion.alternatives)
    if not any(secret in text for secret in credentials for text in texts):
        return completion
    return structs.replace(
        completion,
        text=hidden(completion.text, credentials),
        alternatives=tuple(hidden(text, credentials) for text in completion.alternatives),
        model=None if completion.model is None else hidden(completion.model, credentials),
        finish_reason=None if completion.finish_reason is None else hidden(completion.finish_reason, credentials),
    )
