"""What has come of a reply, for the task that waits for it."""

from __future__ import annotations

import asyncio
import zlib

from evalperf.providers import faults
from evalperf.providers.content_coding import ContentDecoder
from evalperf.providers.faults import fault_error
from evalperf.providers.transport import HttpLimits

__all__ = ["MAX_UNREAD_BYTES", "Exchange"]

MAX_UNREAD_BYTES = 2**18
"""Of a streamed body, before the server has to wait for its reader."""

_ROOM_OF_A_STREAM_BYTES = 16 * MAX_UNREAD_BYTES


class Exchange:
    """What has come of one reply, and the one task that waits for more of it.

    Streamed, the task is woken for the head and for each piece; else once, when all is there. `deadline_s` and
    `quiet_since_s` are times of the loop; the latter is None while nothing limits the silence.
    """

    __slots__ = (
        "body",
        "complete",
        "deadline_s",
        "decoder",
        "error",
        "headers",
        "limits",
        "quiet_since_s",
        "status",
        "streamed",
        "waiter",
    )

    def __init__(self, limits: HttpLimits, deadline_s: float, *, streamed: bool = False) -> None:
        self.limits = limits
        self.deadline_s = deadline_s
        self.streamed = streamed
        self.status: int | None = None
        self.headers: dict[bytes, bytes] = {}
        self.body: bytes | bytearray = b""  # decompressed, and not yet read
        self.decoder: ContentDecoder | None = None
        self.complete = False
        self.error: Exception | None = None
        self.quiet_since_s: float | None = None
        self.waiter: asyncio.Future[object] | None = None

    def take(self, piece: bytes) -> None:
        """Adds a piece of the body as it was sent."""
        room = self.limits.max_reply_bytes - len(self.body)
        if self.streamed:  # its reader limits the whole; here only what one compressed piece may grow to
            room = max(room, _ROOM_OF_A_STREAM_BYTES)
        if self.decoder is not None:
            try:
                piece = self.decoder.feed(piece, room)
            except zlib.error:
                self.fail(fault_error(faults.NOT_DECOMPRESSED, self.limits))
                return
        if len(piece) > room:
            self.fail(faults.too_long(self.limits, self.status))
        elif not self.body:
            self.body = piece
        else:
            if isinstance(self.body, bytes):
                self.body = bytearray(self.body)
            self.body += piece

    def finish(self) -> None:
        """The body is complete."""
        if self.decoder is not None and not self.decoder.ended():
            self.fail(fault_error(faults.NOT_DECOMPRESSED, self.limits))
        else:
            self.complete = True

    def fail(self, error: Exception) -> None:
        """Ends the exchange, whatever of it has come; later failures than the first don't count."""
        if not self.over:
            self.error = error
            self.wake()

    def wake(self) -> None:
        """Lets the waiting task look what there is."""
        if self.waiter is not None and not self.waiter.done():
            self.waiter.set_result(None)

    @property
    def over(self) -> bool:
        """Whether nothing more can come."""
        return self.complete or self.error is not None

    @property
    def ready(self) -> bool:
        """Whether the task has something to begin with: the head of a streamed reply, all of any other."""
        return self.complete or (self.streamed and self.status is not None)

    async def news(self) -> None:
        """Returns at the next event (head, piece, end); raises the failure the exchange ended with."""
        if not self.over:
            self.waiter = asyncio.get_running_loop().create_future()
            await self.waiter
        if self.error is not None:
            raise self.error

    @property
    def answered_status(self) -> int:
        """The status of an exchange that is ready."""
        assert self.status is not None  # noqa: S101 - the head comes first
        return self.status

    def expire(self, now_s: float) -> None:
        """Fails the exchange if its time is over."""
        if now_s >= self.deadline_s:
            self.fail(fault_error(faults.TOO_SLOW, self.limits))
        elif self.quiet_since_s is not None and now_s - self.quiet_since_s >= self.limits.idle_s:
            self.fail(fault_error(faults.STALLED, self.limits))
