"""The dashboard on a terminal: drawn in the loop at most four times a second, written by a thread.

A terminal may stop taking text (Ctrl-S, a slow line); a thread waits for it then, and the run does not.
"""

from __future__ import annotations

import asyncio
import io
import logging
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from typing import TextIO, cast

from rich.console import Console, ConsoleOptions, RenderResult
from rich.file_proxy import FileProxy
from rich.live import Live
from rich.segment import Segment

from evalperf import clock
from evalperf.dashboard.draw import Line, glyphs_for
from evalperf.dashboard.plain import encodable
from evalperf.dashboard.snapshot import Snapshot
from evalperf.dashboard.terminal import terminal_size
from evalperf.dashboard.view import picture

__all__ = ["LiveDisplay"]

FASTEST_S = 0.25
CPU_SHARE = 0.015
"""Of one core, the most that drawing may take; the pictures get rarer when they are dear."""
SMOOTHING = 0.3
CLEAR_SCREEN = "\x1b[H\x1b[2J"
RESET_STYLE = "\x1b[0m"


class LiveDisplay:
    """Owns the lower end of the terminal; log lines of the process go above it."""

    def __init__(self, stderr: TextIO, environ: Mapping[str, str]) -> None:
        self._stderr = stderr
        self._environ = environ
        self._glyphs = glyphs_for(stderr.encoding)
        self._outbox = io.StringIO()  # what rich has drawn and nobody has written yet
        self._console = Console(
            file=self._outbox,
            force_terminal=True,
            highlight=False,
            markup=False,
            emoji=False,
            legacy_windows=False,
            _environ=dict(environ),
        )
        self._size = terminal_size(stderr, environ)
        self._console.size = self._size
        self._live = self._new_live()
        self._logging: AbstractContextManager[None] = _logging_above(self._console, stderr)
        self._cost_s: float | None = None

    def open(self) -> None:
        """Hides the cursor and takes over the log."""
        self._logging.__enter__()
        self._live.start()

    async def show(self, snapshot: Snapshot) -> float:
        """Draws, writes, and asks for the next picture when the drawing is paid for."""
        if snapshot.status == "starting":
            return FASTEST_S
        began_s = clock.cpu_s()
        self._draw(snapshot)
        text = self._take()
        spent_s = clock.cpu_s() - began_s
        self._cost_s = spent_s if self._cost_s is None else self._cost_s + SMOOTHING * (spent_s - self._cost_s)
        await self._written(text)
        return max(FASTEST_S, self._cost_s / CPU_SHARE)

    def close(self, snapshot: Snapshot) -> None:
        """Removes the picture, shows the cursor and gives the log back; the summary says what remains to be said."""
        del snapshot
        self._logging.__exit__(None, None, None)
        self._live.stop()
        self._write(self._take() + RESET_STYLE)

    async def _written(self, text: str) -> None:
        """Returns when the terminal has taken the text, even if cancelled: or it would come after the clean-up."""
        writing = asyncio.ensure_future(asyncio.to_thread(self._write, text))
        try:
            await asyncio.shield(writing)
        except asyncio.CancelledError:
            await writing
            raise

    def _draw(self, snapshot: Snapshot) -> None:
        size = terminal_size(self._stderr, self._environ)
        if size != self._size:
            self._resize(size)
        self._live.update(_Picture(picture(snapshot, *size, self._glyphs)), refresh=True)

    def _resize(self, size: tuple[int, int]) -> None:
        """A narrower terminal has wrapped the old picture into more rows than rich would erase: starts afresh."""
        narrower = size[0] < self._size[0]
        self._size = size
        self._console.size = size
        if narrower:
            self._live.stop()
            self._take()
            self._outbox.write(CLEAR_SCREEN)
            self._live = self._new_live()
            self._live.start()

    def _new_live(self) -> Live:
        return Live(
            console=self._console,
            auto_refresh=False,
            transient=True,
            screen=False,
            redirect_stdout=False,
            redirect_stderr=False,
            vertical_overflow="crop",
        )

    def _take(self) -> str:
        text = self._outbox.getvalue()
        self._outbox.seek(0)
        self._outbox.truncate()
        return text

    def _write(self, text: str) -> None:
        self._stderr.write(encodable(text, self._stderr))
        self._stderr.flush()


class _Picture:
    """Lines as rich segments: no markup in them is ever read."""

    def __init__(self, lines: list[Line]) -> None:
        self._lines = lines

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        style_of = console.get_style
        for number, line in enumerate(self._lines):
            if number:
                yield Segment.line()
            for text, style in line:
                yield Segment(text, style_of(style) if style else None)


@contextmanager
def _logging_above(console: Console, stderr: TextIO) -> Iterator[None]:
    """Log handlers that write to this terminal write above the picture while the block runs."""
    proxy = cast("TextIO", FileProxy(console, stderr))
    moved = [handler for handler in _stream_handlers() if handler.stream is stderr]
    for handler in moved:
        handler.setStream(proxy)
    try:
        yield
    finally:
        for handler in moved:
            handler.setStream(stderr)


def _stream_handlers() -> list[logging.StreamHandler[TextIO]]:
    handlers = [*logging.getLogger().handlers, *logging.getLogger("evalperf").handlers]
    return [handler for handler in handlers if isinstance(handler, logging.StreamHandler)]
