"""The simulated endpoint on a socket."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any

import orjson
from aiohttp import web

from evalperf.clock import utc_now
from evalperf.simulator.fate import Fate, decide
from evalperf.simulator.options import SimulatorOptions
from evalperf.simulator.protocol import (
    Answer,
    Asked,
    Refused,
    Stamp,
    body,
    chunks,
    cut,
    error_body,
    parse_chat,
    parse_completions,
)
from evalperf.simulator.solvers import solve
from evalperf.simulator.tally import Tally

__all__ = ["listen"]

_FIRST_TOKEN_SHARE = 0.3  # of the latency, when streaming
_MAX_BODY_BYTES = 32 * 1024 * 1024

Parse = Callable[[bytes, Sequence[str]], Asked]


@asynccontextmanager
async def listen(options: SimulatorOptions, *, host: str, port: int) -> AsyncIterator[str]:
    """Serves until the block is left; yields the base URL. Raises OSError where the address is taken."""
    application = web.Application(client_max_size=_MAX_BODY_BYTES)
    _Endpoint(options).add_routes(application)
    runner = web.AppRunner(application, access_log=None, handler_cancellation=True, shutdown_timeout=0.5)
    await runner.setup()
    try:
        await web.TCPSite(runner, host, port).start()
        bound_host, bound_port = runner.addresses[0][:2]
        shown = f"[{bound_host}]" if ":" in bound_host else bound_host
        yield f"http://{shown}:{bound_port}/v1"
    finally:
        await runner.cleanup()


class _Endpoint:
    def __init__(self, options: SimulatorOptions) -> None:
        self._options = options
        self._tally = Tally()
        self._started = _unix_time()

    def add_routes(self, application: web.Application) -> None:
        add = application.router.add_route
        add("POST", "/v1/chat/completions", self._chat)
        add("POST", "/v1/completions", self._completions)
        add("GET", "/v1/models", self._models)
        add("GET", "/health", self._health)
        add("GET", "/stats", self._stats)
        add("*", "/{path:.*}", self._nowhere)

    async def _chat(self, request: web.Request) -> web.StreamResponse:
        return await self._count(request, parse_chat)

    async def _completions(self, request: web.Request) -> web.StreamResponse:
        return await self._count(request, parse_completions)

    async def _models(self, _: web.Request) -> web.Response:
        models = [
            {"id": name, "object": "model", "created": self._started, "owned_by": "evalperf-simulator"}
            for name in self._options.models
        ]
        return _json({"object": "list", "data": models})

    async def _health(self, _: web.Request) -> web.Response:
        return _json({"status": "ok", "models": self._options.models})

    async def _stats(self, _: web.Request) -> web.Response:
        return _json(self._tally.report())

    async def _nowhere(self, request: web.Request) -> web.Response:
        message = f"Invalid URL ({request.method} {request.path})"
        return _json(error_body(message, type="invalid_request_error"), status=404)

    async def _count(self, request: web.Request, parse: Parse) -> web.StreamResponse:
        """The tally knows every request that arrived, and how each ended."""
        self._tally.arrived()
        outcome = "away"  # what remains when the client left and the handler was cancelled
        try:
            response = await self._answer(request, parse)
            outcome = "dropped" if request.transport is None or request.transport.is_closing() else str(response.status)
        finally:
            self._tally.finished(outcome)
        return response

    async def _answer(self, request: web.Request, parse: Parse) -> web.StreamResponse:
        try:
            asked = parse(await request.read(), self._options.models)
        except Refused as refused:
            error = error_body(refused.message, type="invalid_request_error", param=refused.param, code=refused.code)
            return _json(error, status=refused.status)
        times_asked = self._tally.ask(asked.content)
        fate = decide(self._options, asked.content, times_asked)
        if fate.fault is not None:
            return await self._fail(request, fate)
        stamp = Stamp(f"{asked.content:016x}{times_asked:04x}", _unix_time())
        answers = [cut(solve(asked.model, question), asked) for question in asked.questions for _ in range(asked.n)]
        response: web.StreamResponse
        if asked.stream:
            response = await _stream(request, asked, answers, stamp, fate.latency_s)
        else:
            await asyncio.sleep(fate.latency_s)
            response = _json(body(asked, answers, stamp))
        self._tally.answered(asked.content)
        return response

    async def _fail(self, request: web.Request, fate: Fate) -> web.Response:
        if fate.fault == "429":
            return self._too_many()
        if fate.fault == "500":
            await asyncio.sleep(fate.latency_s)
            return _json(error_body("The server had an error (injected).", type="server_error"), status=500)
        await asyncio.sleep(fate.latency_s / 2)
        if request.transport is not None:
            request.transport.abort()
        return web.Response(status=500)  # never leaves: the transport is gone

    def _too_many(self) -> web.Response:
        """No x-ratelimit-limit-requests: these refusals follow from no limit that a client could pace itself by."""
        wait_s = self._options.retry_after_s
        headers = {
            "Retry-After": f"{wait_s:g}",
            "retry-after-ms": f"{wait_s * 1000:.0f}",
            "x-ratelimit-remaining-requests": "0",
            "x-ratelimit-reset-requests": f"{wait_s:g}s",
        }
        error = error_body("Rate limit reached (injected).", type="requests", code="rate_limit_exceeded")
        return _json(error, status=429, headers=headers)


async def _stream(
    request: web.Request, asked: Asked, answers: Sequence[Answer], stamp: Stamp, latency_s: float
) -> web.StreamResponse:
    """The first token comes after a share of the latency, the others evenly over the rest of it."""
    tokens = sum(len(answer.tokens) for answer in answers)
    first_s = latency_s * _FIRST_TOKEN_SHARE
    pause_s = (latency_s - first_s) / max(1, tokens)
    await asyncio.sleep(first_s)
    response = web.StreamResponse(headers={"Content-Type": "text/event-stream", "Cache-Control": "no-cache"})
    await response.prepare(request)
    for chunk, has_text in chunks(asked, answers, stamp):
        await response.write(chunk)
        if has_text and pause_s > 0:
            await asyncio.sleep(pause_s)
    await response.write_eof()
    return response


def _json(document: Any, *, status: int = 200, headers: dict[str, str] | None = None) -> web.Response:
    return web.Response(
        body=orjson.dumps(document), status=status, headers=headers, content_type="application/json", charset="utf-8"
    )


def _unix_time() -> int:
    return int(utc_now().timestamp())
