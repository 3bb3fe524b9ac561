"""Ctrl-C and its relatives: once to finish what is in flight, twice to stop now, three times to leave."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

__all__ = ["DRAIN_S", "Interrupt", "interruptible"]

DRAIN_S = 30.0
"""Longest time that calls in flight get to land after the first signal."""

EXIT_CODES = {signal.SIGINT: 130, signal.SIGTERM: 143, signal.SIGHUP: 143}
SHOW_CURSOR = b"\x1b[?25h"


class Interrupt:
    """What was asked for so far."""

    def __init__(self) -> None:
        self.exit_code: int | None = None
        """130 or 143 once a signal came."""
        self.stopping = False
        """Whether calls in flight are given up: nothing is left to do but to write down what was received."""


@contextmanager
def interruptible(drain: Callable[[], None], tell: Callable[[str], None]) -> Iterator[Interrupt]:
    """Signals call `drain` the first time and cancel the current task the second time, or when `DRAIN_S` is over.

    After that the block writes down what was received, and ignores cancellation meanwhile; a disk that hangs may keep
    it for ever. So one more signal ends the process there and then, as a kill would. `tell` gets the sentences for the
    user. Only for the main thread's loop; the handlers are gone after the block.
    """
    loop = asyncio.get_running_loop()
    task = asyncio.current_task()
    assert task is not None  # noqa: S101 - a coroutine that runs has a task
    interrupt = Interrupt()
    timers: list[asyncio.TimerHandle] = []

    def stop() -> None:
        if not interrupt.stopping:
            interrupt.stopping = True
            tell("stopping now: what was received is being written; once more to leave without that")
            task.cancel()

    def on_signal(number: signal.Signals) -> None:
        if interrupt.exit_code is None:
            interrupt.exit_code = EXIT_CODES[number]
            tell(f"stopping: calls in flight get up to {DRAIN_S:.0f} s to land; once more to stop now")
            drain()
            timers.append(loop.call_later(DRAIN_S, stop))
        elif not interrupt.stopping:
            stop()
        else:
            _leave(interrupt.exit_code)

    for number in EXIT_CODES:
        loop.add_signal_handler(number, on_signal, number)
    try:
        yield interrupt
    finally:
        for timer in timers:
            timer.cancel()
        for number in EXIT_CODES:
            loop.remove_signal_handler(number)


def _leave(exit_code: int) -> None:
    """Ends the process without waiting for any thread; a live display is not asked, so its cursor is shown here."""
    if sys.stderr.isatty():
        os.write(sys.stderr.fileno(), SHOW_CURSOR)
    os._exit(exit_code)
