from __future__ import annotations

import asyncio
import contextlib
import fcntl
import io
import logging
import os
import pty
import re
import struct
import termios
import threading
from collections.abc import Iterator, Mapping

import pytest

from evalperf.dashboard import open_progress
from evalperf.dashboard.live import FASTEST_S, LiveDisplay
from evalperf.events import Bus
from tests.dashboard.feeding import FakeTerminal, Screen, a_run, state_after

WIDE = {"COLUMNS": "120", "LINES": "40", "TERM": "xterm-256color"}
RUN = state_after(a_run()).snapshot(68.4)
COLOURS = re.compile(r"\x1b\[(?:[\d;]*;)?(?:3[0-8]|4[0-8]|9\d|10\d)(?:;[\d;]*)?m")


async def drawn_once(stderr: io.StringIO, environ: Mapping[str, str] = WIDE) -> str:
    async with open_progress("live", bus := Bus(), environ=environ, stderr=stderr):
        for event in a_run(20):
            bus.emit(event)
        await asyncio.sleep(0.01)  # one picture
        return stderr.getvalue()


async def test_the_picture_is_on_the_screen_while_the_run_runs() -> None:
    screen = Screen(await drawn_once(FakeTerminal()))
    assert screen.lines[0].startswith("evalperf gsm8k-mini · sim-small")
    assert not screen.cursor_shown


async def test_nothing_of_it_is_left_when_the_run_has_ended() -> None:
    stderr = FakeTerminal()
    stderr.write("$ evalperf run c.json\n")
    await drawn_once(stderr)
    screen = Screen(stderr.getvalue())
    assert [line for line in screen.lines if line] == ["$ evalperf run c.json"]
    assert screen.cursor_shown


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, asyncio.CancelledError])
async def test_the_terminal_is_as_before_after_any_end(error: type[BaseException]) -> None:
    stderr = FakeTerminal()

    async def run() -> None:
        async with open_progress("live", bus := Bus(), environ=WIDE, stderr=stderr):
            for event in a_run(20):
                bus.emit(event)
            await asyncio.sleep(0.01)
            raise error

    with pytest.raises(error):
        await run()
    screen = Screen(stderr.getvalue())
    assert "".join(screen.lines) == ""
    assert screen.cursor_shown


async def test_a_cancelled_run_gives_the_terminal_back() -> None:
    stderr = FakeTerminal()

    async def run() -> None:
        async with open_progress("live", Bus(), environ=WIDE, stderr=stderr):
            await asyncio.sleep(60)

    task = asyncio.create_task(run())
    await asyncio.sleep(0.01)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert Screen(stderr.getvalue()).cursor_shown


async def test_no_colour_where_none_is_wanted() -> None:
    """Bold and dim stay: they are no colours."""
    assert COLOURS.search(await drawn_once(FakeTerminal()))
    assert not COLOURS.search(await drawn_once(FakeTerminal(), {**WIDE, "NO_COLOR": "1"}))


async def test_log_lines_go_above_the_picture_and_stay() -> None:
    stderr = FakeTerminal()
    handler = logging.StreamHandler(stderr)
    logger = logging.getLogger("evalperf")
    logger.addHandler(handler)
    try:
        async with open_progress("live", bus := Bus(), environ=WIDE, stderr=stderr):
            for event in a_run(20):
                bus.emit(event)
            await asyncio.sleep(0.01)
            logger.warning("something [bold]odd[/bold]")
            assert "something" not in stderr.getvalue()
            await asyncio.sleep(FASTEST_S + 0.1)
            lines = Screen(stderr.getvalue()).lines
            assert lines[0] == "something [bold]odd[/bold]"
            assert lines[1].startswith("evalperf gsm8k-mini")
    finally:
        logger.removeHandler(handler)
    assert handler.stream is stderr
    assert [line for line in Screen(stderr.getvalue()).lines if line] == ["something [bold]odd[/bold]"]


async def test_a_narrower_terminal_starts_on_a_clean_screen() -> None:
    environ = dict(WIDE)
    stderr = FakeTerminal()
    display = LiveDisplay(stderr, environ)
    display.open()
    await display.show(RUN)
    environ |= {"COLUMNS": "80", "LINES": "24"}
    await display.show(RUN)
    screen = Screen(stderr.getvalue())
    assert len(screen.lines) <= 22
    assert max(map(len, screen.lines)) <= 80
    display.close(RUN)
    assert "".join(Screen(stderr.getvalue()).lines) == ""


async def test_dear_pictures_get_rarer(monkeypatch: pytest.MonkeyPatch) -> None:
    """60 ms of CPU a picture: one in four seconds, so that drawing stays at 1.5 %."""
    ticks = iter([0.0, 0.06])
    monkeypatch.setattr("evalperf.clock.cpu_s", lambda: next(ticks))
    display = LiveDisplay(FakeTerminal(), WIDE)
    assert await display.show(RUN) == pytest.approx(4.0)


class GoneTerminal(FakeTerminal):
    def write(self, text: str) -> int:
        raise BrokenPipeError


async def test_a_terminal_that_goes_away_costs_only_the_display(caplog: pytest.LogCaptureFixture) -> None:
    with contextlib.suppress(asyncio.CancelledError):
        await drawn_once(GoneTerminal())
    assert not caplog.records


async def test_a_fault_in_the_drawing_is_told_and_costs_only_the_display(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(*_: object) -> list[object]:
        raise ZeroDivisionError

    monkeypatch.setattr("evalperf.dashboard.live.picture", broken)
    stderr = FakeTerminal()
    await drawn_once(stderr)
    assert [record.message for record in caplog.records] == ["the progress display failed; the run was not touched"]
    assert Screen(stderr.getvalue()).cursor_shown


class StoppedTerminal(FakeTerminal):
    """Its first text is not taken before `go_on`, as after Ctrl-S."""

    def __init__(self) -> None:
        super().__init__()
        self.go_on = threading.Event()
        self.stopped = True

    def write(self, text: str) -> int:
        if self.stopped:
            self.stopped = False
            assert self.go_on.wait(10)
        return super().write(text)


async def test_a_stopped_terminal_does_not_stop_the_run() -> None:
    """And what was under way when the run ended is written before the clean-up."""
    stderr = StoppedTerminal()
    async with open_progress("live", bus := Bus(), environ=WIDE, stderr=stderr):
        for event in a_run(20):
            bus.emit(event)
        await asyncio.sleep(0.02)  # would hang for ten seconds
        threading.Timer(0.02, stderr.go_on.set).start()
    await asyncio.sleep(0.06)  # a text that nobody had waited for would come now
    screen = Screen(stderr.getvalue())
    assert "evalperf" in stderr.getvalue()
    assert "".join(screen.lines) == ""
    assert screen.cursor_shown


@contextlib.contextmanager
def a_real_terminal(columns: int, rows: int) -> Iterator[tuple[io.TextIOWrapper, list[bytes]]]:
    """A pseudo-terminal's side for a program, and what the other side has read."""
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
    read: list[bytes] = []

    def drain() -> None:
        with contextlib.suppress(OSError):  # how Linux tells that the other side was closed
            while piece := os.read(master, 65_536):
                read.append(piece)

    reader = threading.Thread(target=drain)
    reader.start()
    try:
        with os.fdopen(slave, "w", encoding="utf-8") as stderr:
            yield stderr, read
    finally:
        reader.join()
        os.close(master)


async def test_a_real_terminal_gets_a_picture_of_its_size() -> None:
    with a_real_terminal(80, 24) as (stderr, read):
        async with open_progress("auto", bus := Bus(), environ={"TERM": "xterm"}, stderr=stderr):
            for event in a_run(200):
                bus.emit(event)
            await asyncio.sleep(0.05)
    output = b"".join(read).decode().replace("\r\n", "\n")
    first = Screen(output[: output.index("\x1b[1A")])  # up to where the cursor goes up to erase it
    assert len(first.lines) <= 22
    assert max(map(len, first.lines)) <= 80
    assert "".join(Screen(output).lines) == ""
