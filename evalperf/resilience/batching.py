"""Items that many tasks ask for at the same time, sent in few calls."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from types import TracebackType
from typing import Generic, Self, TypeVar

from msgspec import Struct

from evalperf import clock
from evalperf.config.batches import BatchingConfig
from evalperf.errors import ProviderError
from evalperf.records import FailureKind
from evalperf.resilience.batchsize import BatchRecord, BatchSize

__all__ = ["BatchLimits", "Batcher"]

Item = TypeVar("Item")
Answer = TypeVar("Answer")

NOT_THE_BATCH: frozenset[FailureKind] = frozenset({"auth", "quota", "rate_limited", "connection", "cancelled"})
"""Failures that have nothing to do with what was sent: each half would fail in the same way."""

FIRST_SIZE = 20


class BatchLimits(Struct, frozen=True, kw_only=True):
    """What holds for the batches of one receiver."""

    max_wait_s: float = 0.1
    """An item waits no longer for others, where a call may be made."""
    max_concurrent: int = 5
    """Calls on their way at once."""
    least: int = 1
    most: int = 10_000
    """Items in a call."""
    max_weight: int | None = None
    """Sum of the weights in a call; one heavier item goes alone."""
    target_s: float = 2.0
    target_success: float = 0.95
    """What the size of batches is steered by."""

    @classmethod
    def from_config(
        cls, config: BatchingConfig, *, most: int, least: int = 1, max_weight: int | None = None
    ) -> BatchLimits:
        """The limits that the configuration states, with those of the receiver."""
        return cls(
            max_wait_s=config.max_batch_wait_ms / 1000,
            max_concurrent=config.max_concurrent_batches,
            least=least,
            most=most,
            max_weight=max_weight,
            target_s=config.target_batch_s,
            target_success=config.target_batch_success,
        )


class _Waiting(Generic[Item, Answer]):
    """An item and the one who waits for its answer."""

    __slots__ = ("answer", "item", "since_s", "weight")

    def __init__(self, item: Item, weight: int, answer: asyncio.Future[Answer], since_s: float) -> None:
        self.item = item
        self.weight = weight
        self.answer = answer
        self.since_s = since_s


class Batcher(Generic[Item, Answer]):
    """Collects items into batches, first come, first sent, and gives each asker its own answer.

    `send` gets the items of a batch and returns as many answers in their order, or raises ProviderError. A batch that
    fails for what may be in it is sent again in halves, down to single items, so that one item that can't be answered
    fails alone; this stays within the one call of `max_concurrent` that the batch has. What else `send` raises goes to
    all who wait for that batch.

    A batch leaves when it is full, or when its first item has waited for `max_wait_s`, as soon as one of the
    `max_concurrent` calls is free. Cancelling an asker takes its item out as long as it was not sent, and leaves the
    others alone. Used as a context: leaving it sends what waits and ends when all is answered; an exception (also the
    cancellation of the owner) cancels all instead.
    """

    def __init__(
        self,
        send: Callable[[Sequence[Item]], Awaitable[Sequence[Answer]]],
        limits: BatchLimits,
        *,
        weigh: Callable[[Item], int] | None = None,
    ) -> None:
        self._send = send
        self._limits = limits
        self._weigh = weigh
        self._size = BatchSize(
            start=FIRST_SIZE,
            least=limits.least,
            most=limits.most,
            target_s=limits.target_s,
            target_success=limits.target_success,
        )
        self._waiting: deque[_Waiting[Item, Answer]] = deque()
        self._calls: set[asyncio.Task[None]] = set()
        self._timer: asyncio.TimerHandle | None = None
        self._closed = False

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._closed = True
        if error is not None:
            self._abandon()
        self._send_ready()
        try:
            while self._calls:
                await asyncio.wait(self._calls)
        finally:
            self._abandon()
            await asyncio.gather(*self._calls, return_exceptions=True)

    @property
    def size(self) -> int:
        """Items that a batch may hold as of now."""
        return self._size.now

    def history(self) -> tuple[BatchRecord, ...]:
        """The last 1,000 batches; one that was sent again in halves is there once, as failed."""
        return self._size.history()

    async def ask(self, item: Item) -> Answer:
        """The answer to one item; raises what `send` raised for it, and RuntimeError once the batcher is closed."""
        return await self._enqueue(item)

    async def ask_many(self, items: Sequence[Item]) -> list[Answer]:
        """The answers in the order of the items, which may travel in several batches; raises the first failure."""
        return await asyncio.gather(*(self._enqueue(item) for item in items))

    def _enqueue(self, item: Item) -> asyncio.Future[Answer]:
        if self._closed:
            raise RuntimeError("the batcher is closed")
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[Answer] = loop.create_future()
        weight = 0 if self._weigh is None else self._weigh(item)
        self._waiting.append(_Waiting(item, weight, answer, clock.now()))
        if len(self._waiting) >= self._size.now:
            self._send_ready()
        elif self._timer is None and len(self._calls) < self._limits.max_concurrent:
            self._timer = loop.call_later(self._limits.max_wait_s, self._send_ready)
        return answer

    def _send_ready(self) -> None:
        """Sends all batches that may leave now, and sets the timer for the next one."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        loop = asyncio.get_running_loop()
        while self._waiting and len(self._calls) < self._limits.max_concurrent:
            wait_s = self._waiting[0].since_s + self._limits.max_wait_s - clock.now()
            if len(self._waiting) < self._size.now and wait_s > 0 and not self._closed:
                self._timer = loop.call_later(wait_s, self._send_ready)
                return
            if batch := self._take():
                call = loop.create_task(self._call(batch))
                self._calls.add(call)
                call.add_done_callback(self._ended)

    def _take(self) -> list[_Waiting[Item, Answer]]:
        """The next batch, without those who wait no more; where items are heavy, fewer than the size."""
        batch: list[_Waiting[Item, Answer]] = []
        size, most_weight, weight = self._size.now, self._limits.max_weight, 0
        while self._waiting and len(batch) < size:
            weight += self._waiting[0].weight
            if batch and most_weight is not None and weight > most_weight:
                break
            first = self._waiting.popleft()
            if first.answer.done():
                weight -= first.weight
            else:
                batch.append(first)
        return batch

    def _ended(self, call: asyncio.Task[None]) -> None:
        self._calls.discard(call)
        self._send_ready()

    def _abandon(self) -> None:
        """Cancels all; what is on its way is not waited for by those who asked."""
        for one in self._waiting:
            one.answer.cancel()
        self._waiting.clear()
        for call in self._calls:
            call.cancel()

    async def _call(self, batch: list[_Waiting[Item, Answer]]) -> None:
        try:
            await self._deliver(batch)
        except asyncio.CancelledError:
            for one in batch:
                one.answer.cancel()
            raise
        except Exception as error:  # noqa: BLE001 - no failure of a call: it is raised where the answers are awaited
            _fail(batch, error)

    async def _deliver(self, batch: list[_Waiting[Item, Answer]]) -> None:
        sent_s = clock.now()
        failure = await self._try(batch)
        record = BatchRecord(sent_s, len(batch), clock.now() - sent_s, failure is None)
        counts = failure is None or not await self._resend(batch, failure)
        self._size.record(record, counts=counts)

    async def _try(self, batch: list[_Waiting[Item, Answer]]) -> ProviderError | None:
        """Sends a batch and hands out its answers, or tells why there are none."""
        try:
            answers = await self._send([one.item for one in batch])
        except ProviderError as error:
            return error
        if len(answers) != len(batch):
            return ProviderError("bad_reply", f"{len(answers)} answers to a batch of {len(batch)}")
        for one, answer in zip(batch, answers, strict=True):
            if not one.answer.done():
                one.answer.set_result(answer)
        return None

    async def _resend(self, batch: list[_Waiting[Item, Answer]], failure: ProviderError) -> bool:
        """Sends a failed batch again in halves; whether items were left that fail whatever the size."""
        if len(batch) == 1 or failure.kind in NOT_THE_BATCH:
            _fail(batch, failure)
            return True
        left = False
        middle = len(batch) // 2
        for half in (batch[:middle], batch[middle:]):
            live = [one for one in half if not one.answer.done()]
            if live and (again := await self._try(live)) is not None:
                left |= await self._resend(live, again)
        return left


def _fail(batch: Sequence[_Waiting[Item, Answer]], error: Exception) -> None:
    for one in batch:
        if not one.answer.done():
            one.answer.set_exception(error)
