"""The simulated endpoint on a socket."""

from __future__ import annotations

import hmac
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from itertools import count

from aiohttp import web

from evalperf.clock import unix_s
from evalperf.simulator.answering import Answering
from evalperf.simulator.api import ANTHROPIC, EMBEDDING, OPENAI, ROUTES, Parse, Refused, Vendor
from evalperf.simulator.delivery import Visit, reply
from evalperf.simulator.options import SimulatorOptions
from evalperf.simulator.tally import Tally

__all__ = ["listen"]

_MAX_BODY_BYTES = 32 * 1024 * 1024
_BACKLOG = 1024  # a client may open as many connections at once

Act = Callable[[Visit], Awaitable[web.StreamResponse]]
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@asynccontextmanager
async def listen(
    options: SimulatorOptions, *, host: str, port: int, tls: ssl.SSLContext | None = None
) -> AsyncIterator[str]:
    """Serves until the block is left; yields the base URL. Raises OSError where the address is taken."""
    application = web.Application(client_max_size=_MAX_BODY_BYTES)
    _Endpoint(options).add_routes(application)
    runner = web.AppRunner(application, access_log=None, handler_cancellation=True, shutdown_timeout=0.5)
    await runner.setup()
    try:
        await web.TCPSite(runner, host, port, ssl_context=tls, backlog=_BACKLOG).start()
        bound_host, bound_port = runner.addresses[0][:2]
        shown = f"[{bound_host}]" if ":" in bound_host else bound_host
        yield f"{'http' if tls is None else 'https'}://{shown}:{bound_port}/v1"
    finally:
        await runner.cleanup()


class _Endpoint:
    """Its routes; each reply carries an id, and each error has its vendor's form."""

    def __init__(self, options: SimulatorOptions) -> None:
        self._options = options
        self._names = (*options.models, EMBEDDING)
        self._tally = Tally()
        self._answering = Answering(options, self._tally)
        self._started = int(unix_s())
        self._numbers = count(1)

    def add_routes(self, application: web.Application) -> None:
        add = application.router.add_route
        for path, (parse, vendor) in ROUTES.items():
            add("POST", path, self._counted(parse, vendor))
        add("GET", "/v1/models", self._open(self._models))
        add("GET", "/v1/models/{model:.+}", self._open(self._model))
        add("GET", "/health", self._health)
        add("GET", "/stats", self._stats)
        add("*", "/{path:.*}", self._open(_nowhere))

    def _counted(self, parse: Parse, vendor: Vendor) -> Handler:
        """The tally knows every request that arrived, and how each ended."""

        async def answer(visit: Visit) -> web.StreamResponse:
            return await self._answering.answer(visit, parse(await _body(visit.request), self._options.models))

        async def handle(request: web.Request) -> web.StreamResponse:
            self._tally.arrived()
            visit = self._visit(request, vendor)
            outcome = "away"  # what remains when the client left and the handler was cancelled
            try:
                response = await self._guarded(visit, answer)
                outcome = "dropped" if visit.lost else str(response.status)
            finally:
                self._tally.finished(outcome)
            return response

        return handle

    def _open(self, act: Act) -> Handler:
        """Of the two vendors, the one whose header is there."""

        async def handle(request: web.Request) -> web.StreamResponse:
            vendor = ANTHROPIC if "anthropic-version" in request.headers else OPENAI
            return await self._guarded(self._visit(request, vendor), act)

        return handle

    def _visit(self, request: web.Request, vendor: Vendor) -> Visit:
        request_id = f"req_{next(self._numbers):016x}"
        return Visit(request, vendor, request_id, {vendor.request_id_header: request_id})

    async def _guarded(self, visit: Visit, act: Act) -> web.StreamResponse:
        try:
            self._check_key(visit.request)
            return await act(visit)
        except Refused as refused:
            return reply(visit, visit.vendor.error(refused, visit.id), status=refused.status)

    def _check_key(self, request: web.Request) -> None:
        if self._options.api_key is None:
            return
        bearer = request.headers.get("Authorization", "").removeprefix("Bearer ")
        shown = (bearer, request.headers.get("api-key", ""), request.headers.get("x-api-key", ""))
        if not any(hmac.compare_digest(key.encode(), self._options.api_key.encode()) for key in shown):
            raise Refused(401, "Incorrect API key provided.", code="invalid_api_key")

    async def _models(self, visit: Visit) -> web.StreamResponse:
        models = [visit.vendor.model(name, self._started) for name in self._names]
        return reply(visit, visit.vendor.models(models))

    async def _model(self, visit: Visit) -> web.StreamResponse:
        name = visit.request.match_info["model"]
        if name not in self._names:
            raise Refused(404, f"The model `{name}` does not exist.", param="model", code="model_not_found")
        return reply(visit, visit.vendor.model(name, self._started))

    async def _health(self, request: web.Request) -> web.StreamResponse:
        return reply(self._visit(request, OPENAI), {"status": "ok", "models": self._names})

    async def _stats(self, request: web.Request) -> web.StreamResponse:
        return reply(self._visit(request, OPENAI), self._tally.report())


async def _nowhere(visit: Visit) -> web.StreamResponse:
    raise Refused(404, f"Invalid URL ({visit.request.method} {visit.request.path})")


async def _body(request: web.Request) -> bytes:
    try:
        return await request.read()
    except web.HTTPRequestEntityTooLarge:
        raise Refused(413, f"The body is larger than {_MAX_BODY_BYTES:,} bytes.") from None
