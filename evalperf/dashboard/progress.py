"""Opens the display that fits, and closes it however the run ends."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from typing import Literal, Protocol, TextIO

from evalperf import clock
from evalperf.dashboard.snapshot import Snapshot
from evalperf.dashboard.state import DashboardState
from evalperf.dashboard.terminal import terminal_size
from evalperf.events import Bus

__all__ = ["Display", "Mode", "choose_mode", "open_progress"]

Mode = Literal["auto", "live", "tqdm", "plain", "json", "none"]
Chosen = Literal["live", "tqdm", "plain", "json", "none"]

SMALLEST_LIVE = (60, 16)
"""Columns and rows below which one line says as much."""

logger = logging.getLogger("evalperf")


class Display(Protocol):
    """Shows snapshots; all that happens on the terminal happens between `open` and `close`."""

    def open(self) -> None:
        """Takes the terminal."""
        ...

    async def show(self, snapshot: Snapshot) -> float:
        """Shows the snapshot and returns the seconds until it wants the next."""
        ...

    def close(self, snapshot: Snapshot) -> None:
        """Shows what is to remain and gives the terminal back as it was."""
        ...


@asynccontextmanager
async def open_progress(mode: Mode, bus: Bus, *, environ: Mapping[str, str], stderr: TextIO) -> AsyncIterator[None]:
    """Shows the run on `stderr` while the block runs.

    The display only watches: a terminal that goes away, or a fault in the drawing, costs the display and one message.
    """
    chosen = choose_mode(mode, environ, stderr)
    if chosen == "none":
        yield
        return
    state = DashboardState()
    bus.subscribe(state.observe)
    display = _display(chosen, environ, stderr)
    display.open()
    try:
        ticker = asyncio.create_task(_tick(display, state, stderr), name="progress")
        try:
            yield
        finally:
            ticker.cancel()
            (outcome,) = await asyncio.gather(ticker, return_exceptions=True)
            if isinstance(outcome, Exception):
                logger.warning("the progress display failed; the run was not touched", exc_info=outcome)
    finally:
        with _watched(stderr):
            display.close(state.snapshot(clock.now()))


def choose_mode(mode: Mode, environ: Mapping[str, str], stderr: TextIO) -> Chosen:
    """What `auto` means here, and `plain` for a live display that has no terminal; other choices stand.

    A pipe, a CI system or TTY_INTERACTIVE=0 gets plain lines, a dumb or small terminal a tqdm bar.
    """
    is_terminal = stderr.isatty()
    if mode == "live":
        return "live" if is_terminal else "plain"
    if mode != "auto":
        return mode
    if not is_terminal or in_ci(environ) or environ.get("TTY_INTERACTIVE") == "0":
        return "plain"
    columns, rows = terminal_size(stderr, environ)
    if environ.get("TERM", "").lower() in {"dumb", "unknown"} or columns < SMALLEST_LIVE[0] or rows < SMALLEST_LIVE[1]:
        return "tqdm"
    return "live"


def in_ci(environ: Mapping[str, str]) -> bool:
    """Whether a build system runs this, as nearly all of them say by CI."""
    return environ.get("CI", "").lower() not in {"", "0", "false"}


async def _tick(display: Display, state: DashboardState, stderr: TextIO) -> None:
    with _watched(stderr):
        while True:
            wait_s = await display.show(state.snapshot(clock.now()))
            await asyncio.sleep(wait_s)


@contextmanager
def _watched(stderr: TextIO) -> Iterator[None]:
    """Ends quietly when nobody is left to watch: the terminal or the pipe is gone, which is no fault of the run."""
    try:
        yield
    except OSError:
        return
    except ValueError:
        if not stderr.closed:
            raise


def _display(chosen: Chosen, environ: Mapping[str, str], stderr: TextIO) -> Display:
    if chosen == "live":
        from evalperf.dashboard.live import LiveDisplay  # noqa: PLC0415 - rich costs 50 ms, and only a terminal needs it

        return LiveDisplay(stderr, environ)
    if chosen == "tqdm":
        from evalperf.dashboard.tqdm_line import TqdmDisplay  # noqa: PLC0415 - only small terminals need tqdm

        return TqdmDisplay(stderr)
    if chosen == "json":
        from evalperf.dashboard.json_lines import JsonDisplay  # noqa: PLC0415 - only for programs that ask

        return JsonDisplay(stderr)
    from evalperf.dashboard.plain import PlainDisplay  # noqa: PLC0415 - one of four

    return PlainDisplay(stderr, every_s=30.0 if in_ci(environ) else 10.0)
