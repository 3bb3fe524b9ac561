"""Processes for calls that compute, hang, crash or eat memory: each costs its own case, and no other."""

from __future__ import annotations

import asyncio
import multiprocessing
import signal
import threading
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from typing import Any, Final

from evalperf import clock
from evalperf.scorers.lanes import usable_cpus
from evalperf.scorers.worker_process import Outcome, Work, WorkerDiedError, packed, serve_calls, unpacked

__all__ = ["ProcessLanes"]

_MOST_IN_BATCH: Final = 64
_BATCH_S: Final = 0.02
"""How long a batch should take: long against the 0.2 ms of an exchange, short against anybody's patience."""
_START_S: Final = 60.0
_END_S: Final = 0.2


class ProcessLanes:
    """At most `max_parallel` processes (default: one for each CPU), started when first needed.

    Calls that wait go to a free process in batches, the quicker they are the larger; each is answered as soon as it is
    done. A call past `limit_s`, one that ends its process, and one that is cancelled while it is at work cost the
    process; what else was in the batch waits for the next one. `make_work` travels by name and is called once in each
    process, before the limit counts: what it returns does the work. `memory_mb` bounds the address space.
    """

    def __init__(
        self,
        make_work: Callable[[], Work],
        max_parallel: int | None,
        limit_s: float,
        *,
        memory_mb: int | None = None,
    ) -> None:
        self._most = max_parallel if max_parallel is not None else usable_cpus()
        self._new_lane = partial(_Lane, limit_s, partial(serve_calls, make_work=make_work, memory_mb=memory_mb))
        self._threads = ThreadPoolExecutor(self._most, thread_name_prefix="evalperf-process")
        self._waiting: deque[_Call] = deque()
        self._lanes: set[_Lane] = set()
        self._idle: list[_Lane] = []
        self._tasks: set[asyncio.Task[None]] = set()  # one a lane at work; owned here, awaited by `close`
        self._closed = False

    async def run(self, *args: Any) -> Any:
        """What the work makes of these values in another process.

        Raises what it raised, TimeoutError past the limit (the wait for a free process is not counted), and
        WorkerDiedError where its process has ended.
        """
        call = _Call(packed(args), asyncio.get_running_loop().create_future())
        self._waiting.append(call)
        self._hand_out()
        try:
            return await call.answer
        except asyncio.CancelledError:
            if call.lane is not None:
                call.lane.give_up(call)
            raise

    async def close(self) -> None:
        """End all processes; those at work are killed."""
        self._closed = True
        for lane in self._lanes:
            lane.kill()
        await asyncio.gather(*self._tasks)
        for call in self._waiting:
            call.answer.cancel()
        for lane in self._lanes:
            await asyncio.to_thread(lane.end)
        await asyncio.to_thread(self._threads.shutdown)

    def _hand_out(self) -> None:
        while self._waiting and not self._closed:
            if not self._idle:
                if len(self._lanes) == self._most:
                    return
                self._idle.append(self._new_lane())
                self._lanes.add(self._idle[0])
            lane = self._idle.pop()
            share = -(-len(self._waiting) // self._most)
            batch = [self._waiting.popleft() for _ in range(min(share, lane.batch_size))]
            task = asyncio.create_task(self._work(lane, batch))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _work(self, lane: _Lane, batch: Sequence[_Call]) -> None:
        """Has a batch worked on; what has got no answer waits again, before all others."""
        asked = [call for call in batch if not call.answer.done()]
        loop = asyncio.get_running_loop()
        for call in asked:
            call.lane = lane

        def settle(call: _Call, outcome: Outcome) -> None:
            loop.call_soon_threadsafe(_settle, call, outcome)

        await loop.run_in_executor(self._threads, lane.exchange, asked, settle)
        for call in asked:
            call.lane = None
        self._waiting.extendleft(call for call in reversed(asked) if not call.answer.done())
        self._idle.append(lane)
        self._hand_out()


class _Call:
    """One call on its way; `lane` is set while it is in a batch."""

    __slots__ = ("answer", "data", "lane")

    def __init__(self, data: bytes, answer: asyncio.Future[Any]) -> None:
        self.data = data
        self.answer = answer
        self.lane: _Lane | None = None


def _settle(call: _Call, outcome: Outcome) -> None:
    if call.answer.done():
        return
    returned, value = outcome
    if returned:
        call.answer.set_result(value)
    else:
        call.answer.set_exception(value)


class _Lane:
    """One process, replaced when a call has cost it; `exchange` and `end` run in a thread, the rest in the loop."""

    def __init__(self, limit_s: float, serve: Callable[[Connection], None]) -> None:
        self._limit_s = limit_s
        self._serve = serve
        self._lock = threading.Lock()  # over the process, which two threads may want to end
        self._process: BaseProcess | None = None
        self._connection: Connection | None = None
        self._current: _Call | None = None
        self._given_up = False  # the process is killed, or is to be, and no call is to blame
        self.batch_size = 1
        """How many calls it takes at once; doubled while batches are quick, halved when they are not."""

    def give_up(self, call: _Call) -> None:
        """The call was cancelled: ends the process if it is at work on it."""
        if self._current is call:
            self.kill()

    def kill(self) -> None:
        """Ends the process at once, whatever it does."""
        with self._lock:
            self._given_up = True
            if self._process is not None:
                self._process.kill()

    def exchange(self, batch: Sequence[_Call], settle: Callable[[_Call, Outcome], object]) -> None:
        """Has the calls answered, up to the first that costs the process; `settle` is told each answer."""
        began_s = clock.monotonic_s()
        for call in batch:
            self._current = call
            try:
                if call is batch[0]:
                    self._send(packed([each.data for each in batch]))
                settle(call, self._answer())
            except (OSError, EOFError) as error:
                exit_code = self.end(at_once=isinstance(error, TimeoutError))
                if not self._given_up:
                    settle(call, (False, self._fault(error, exit_code)))
                self._given_up = False
                break
            finally:
                self._current = None
        quick = clock.monotonic_s() - began_s < _BATCH_S
        self.batch_size = min(2 * self.batch_size, _MOST_IN_BATCH) if quick else max(1, self.batch_size // 2)

    def end(self, *, at_once: bool = False) -> int | None:
        """Ends the process, and waits until it is gone; its exit code, None where there was none."""
        with self._lock:
            process, connection = self._process, self._connection
            self._process = self._connection = None
        if process is None or connection is None:
            return None
        connection.close()
        if not at_once:
            process.join(_END_S)  # one that waits for calls ends by itself
        process.kill()
        process.join()
        exit_code = process.exitcode
        process.close()
        return exit_code

    def _send(self, data: bytes) -> None:
        """To the process that there is, or to a new one where that has died since its last call."""
        if self._connection is not None:
            with suppress(OSError):
                self._connection.send_bytes(data)
                return
            self.end()
        self._start().send_bytes(data)

    def _start(self) -> Connection:
        # never a fork of this process: it has threads, and locks that they hold
        method = "forkserver" if "forkserver" in multiprocessing.get_all_start_methods() else "spawn"
        context: Any = multiprocessing.get_context(method)
        if method == "forkserver":
            context.set_forkserver_preload([__name__])  # imported once there, instead of once a process
        pair: tuple[Connection, Connection] = context.Pipe()
        connection, theirs = pair
        process = context.Process(target=self._serve, args=(theirs,))
        process.start()
        theirs.close()
        with self._lock:
            self._process, self._connection = process, connection
            if self._given_up:  # meanwhile
                raise ChildProcessError("the process was given up before it began")
        if not connection.poll(_START_S):
            raise ChildProcessError(f"a process did not start within {_START_S:g} s")
        if fault := connection.recv_bytes():
            raise ChildProcessError(f"the process could not begin: {fault.decode()}")
        return connection

    def _answer(self) -> Outcome:
        connection = self._connection
        if connection is None or not connection.poll(self._limit_s):
            raise TimeoutError
        data = connection.recv_bytes()
        try:
            outcome: Outcome = unpacked(data)
        except Exception as error:  # noqa: BLE001 - the classes of the user's code may do anything when they are made
            return False, WorkerDiedError(f"what the function returned can't be brought back: {error}")
        return outcome

    def _fault(self, error: OSError | EOFError, exit_code: int | None) -> Exception:
        if isinstance(error, TimeoutError):
            return TimeoutError(f"took longer than {self._limit_s:g} s")
        if isinstance(error, ChildProcessError):
            return WorkerDiedError(str(error))
        how = f"exit code {exit_code}" if exit_code is None or exit_code >= 0 else signal.Signals(-exit_code).name
        return WorkerDiedError(f"the process of the function died ({how})")
