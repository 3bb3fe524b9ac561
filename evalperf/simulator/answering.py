"""The way of a request through the server: limits, fate, a place to work, the answer."""

from __future__ import annotations

from collections.abc import Sequence

import orjson
from aiohttp import web

from evalperf.clock import now, unix_s, utc_now
from evalperf.simulator.api import Answer, Asked, Exchange, Refused, Stamp, cut
from evalperf.simulator.capacity import Capacity, OverloadedError, Work
from evalperf.simulator.delivery import Visit, hang_up, malform, reply, stream
from evalperf.simulator.dialects import limit_headers
from evalperf.simulator.fate import Fate, decide
from evalperf.simulator.judging import speak
from evalperf.simulator.limits import Limits
from evalperf.simulator.options import Form, SimulatorOptions
from evalperf.simulator.solvers import JUDGE, solve
from evalperf.simulator.tally import Tally

__all__ = ["Answering"]


class Answering:
    """Answers requests as the options say, and tells the tally."""

    def __init__(self, options: SimulatorOptions, tally: Tally) -> None:
        self._options = options
        self._tally = tally
        self._capacity = Capacity(options.capacity, seed=options.seed)
        self._limits = None if options.limit is None else Limits(options.limit)

    async def answer(self, visit: Visit, exchange: Exchange) -> web.StreamResponse:
        """The reply to a request; raises Refused."""
        asked = exchange.asked
        times_asked = self._tally.ask(asked.content)
        self._check_limits(visit, asked)
        fate = decide(self._options, asked.content, times_asked)
        if fate.fault == "429":
            raise self._refused_at_random(visit)
        if fate.fault == "overloaded":
            raise _overloaded(visit)
        stamp = Stamp(f"{asked.content:016x}{times_asked:04x}", int(unix_s()))
        try:
            async with self._capacity.place() as work:
                return await self._work(visit, exchange, stamp, fate, work)
        except OverloadedError:
            raise _overloaded(visit) from None

    async def _work(self, visit: Visit, exchange: Exchange, stamp: Stamp, fate: Fate, work: Work) -> web.StreamResponse:
        if fate.fault == "dropped":
            await work(fate.latency_s / 2)
            return hang_up(visit)
        if fate.fault == "500":
            await work(fate.latency_s)
            raise Refused(500, "The server had an error (injected).")
        answers, late_s = self._answers(exchange.asked, fate)
        latency_s = fate.latency_s + late_s
        if fate.fault == "malformed" and self._options.malformed is not None:
            await work(latency_s)
            return await self._malformed(self._options.malformed, visit, exchange, answers, stamp)
        response: web.StreamResponse
        if exchange.asked.stream:
            response = await stream(visit, exchange.chunks(answers, stamp), latency_s, work)
        else:
            await work(latency_s)
            response = reply(visit, exchange.body(answers, stamp))
        self._tally.answered(exchange.asked.content)
        return response

    def _answers(self, asked: Asked, fate: Fate) -> tuple[Sequence[Answer], float]:
        """The answers, and how much later than usual they come."""
        if asked.model != JUDGE:
            return [
                cut(solve(asked.model, question), asked) for question in asked.questions for _ in range(asked.n)
            ], 0.0
        spoken = speak(asked.conversation, self._options.judge, fate.manner)
        self._tally.judged(spoken.form)
        answer = cut(spoken.text, asked)
        if spoken.finish_reason == "content_filter":
            answer = Answer(answer.text, "content_filter", answer.tokens)
        return [answer] * max(1, len(asked.questions) * asked.n), spoken.wait_s

    async def _malformed(
        self, form: Form, visit: Visit, exchange: Exchange, answers: Sequence[Answer], stamp: Stamp
    ) -> web.StreamResponse:
        if exchange.asked.stream:
            right = b"".join(piece for piece, _ in exchange.chunks(answers, stamp))
        else:
            right = orjson.dumps(exchange.body(answers, stamp))
        pause_s = self._options.malformed_pause_s
        return await malform(form, visit, right, streamed=exchange.asked.stream, pause_s=pause_s)

    def _check_limits(self, visit: Visit, asked: Asked) -> None:
        """Raises Refused where a limit is hit; the headers of the reply tell about it in any case."""
        if self._limits is None or self._options.limit is None:
            return
        tokens = asked.input_tokens + (0 if asked.max_tokens is None else asked.max_tokens * max(1, asked.n))
        verdict = self._limits.ask(tokens, now())
        visit.headers.update(limit_headers(self._options.limit.dialect, verdict, utc_now()))
        if verdict.over is not None:
            message = f"Rate limit reached on {verdict.over}."
            raise Refused(429, message, type=verdict.over, code="rate_limit_exceeded")

    def _refused_at_random(self, visit: Visit) -> Refused:
        """No limit is stated: these refusals follow from none that a client could pace itself by."""
        wait_s = self._options.retry_after_s
        visit.headers["Retry-After"] = f"{wait_s:g}"
        visit.headers["retry-after-ms"] = f"{wait_s * 1000:.0f}"
        if self._limits is None:  # a limit there is has told its own state
            visit.headers["x-ratelimit-remaining-requests"] = "0"
            visit.headers["x-ratelimit-reset-requests"] = f"{wait_s:g}s"
        return Refused(429, "Rate limit reached (injected).", type="requests", code="rate_limit_exceeded")


def _overloaded(visit: Visit) -> Refused:
    return Refused(visit.vendor.overloaded_status, "The server is overloaded: try again later.")
