"""What the command line says: results on stdout, all else on stderr, without secrets and control characters."""

from __future__ import annotations

import errno
import logging
import os
import sys
import tempfile
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from evalperf.errors import EvalperfError

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.text import Text
    from typer._click import Context

    from evalperf.config.load import LoadedConfig
    from evalperf.config.overrides import Change

__all__ = [
    "Session",
    "complain",
    "is_broken_pipe",
    "load",
    "report_crash",
    "session_of",
    "show",
    "start_logging",
    "visible",
    "write",
]


class Session:
    """What one call of the command line knows from its first to its last line."""

    def __init__(self) -> None:
        self.debug = False
        self.redact: Callable[[str], str] = str
        """Masks the secrets of the configuration, as soon as one is loaded."""


def session_of(ctx: Context) -> Session:
    """The session that a command belongs to."""
    return ctx.ensure_object(Session)


def write(text: str | bytes) -> None:
    """Puts a result on stdout and ends it with a newline: bytes as they are, a text without what a terminal obeys."""
    data = visible(text).encode("utf-8", errors="replace") if isinstance(text, str) else text
    sys.stdout.flush()
    typer.echo(data.removesuffix(b"\n"))


def show(renderable: RenderableType) -> None:
    """Puts a result on stdout, in colour where that is a terminal that has them; long lines are not broken."""
    from rich.console import Console

    Console(markup=False, highlight=False, emoji=False).print(renderable, soft_wrap=True)


def load(session: Session, path: Path, changes: Sequence[str | Change] = ()) -> LoadedConfig:
    """Loads a configuration; from then on the session masks its secrets."""
    from evalperf.config import Redactor, load_config

    loaded = load_config(path, changes)
    session.redact = Redactor(loaded.secrets)
    return loaded


def complain(error: EvalperfError, session: Session) -> None:
    """Says on stderr what is wrong and what to do."""
    from evalperf.config.problems import InvalidConfigError

    message = error.message if isinstance(error, InvalidConfigError) else f"error: {error.message}"
    if error.hint:
        message += f"\n  help: {error.hint}"
    _to_stderr(session.redact(message))


def report_crash(error: BaseException, session: Session) -> None:
    """Puts the traceback of an error of ours into a file and names it; with --debug shows it instead.

    It is shown as well where no file can be made: the reason may be that there is no room left, or no descriptor.
    """
    text = session.redact("".join(traceback.format_exception(error)))
    if session.debug:
        _to_stderr(text.rstrip())
        return
    summary = " ".join(str(error).split())[:200]
    failed = session.redact(f"error: evalperf itself failed: {type(error).__name__}: {summary}\n")
    try:
        where = f"the traceback is in {_crash_file(text)}, please report it (or run again with --debug)"
    except OSError:
        failed, where = f"{text}{failed}", "the traceback is above, please report it"
    _to_stderr(f"{failed}  help: what was written is kept; {where}")


def _crash_file(text: str) -> str:
    handle, name = tempfile.mkstemp(prefix="evalperf-crash-", suffix=".txt")
    with os.fdopen(handle, "w", encoding="utf-8", errors="backslashreplace") as file:
        file.write(text)
    return name


def is_broken_pipe(error: BaseException) -> bool:
    """Whether the reader of our output has gone, as `head` does; silences what is still to be flushed."""
    if not isinstance(error, OSError) or error.errno != errno.EPIPE:
        return False
    devnull = os.open(os.devnull, os.O_WRONLY)
    os.dup2(devnull, sys.stdout.fileno())
    os.close(devnull)
    return True


def start_logging(session: Session, *, quiet: bool, verbose: bool) -> None:
    """Sends the log of evalperf to stderr: warnings, only errors when quiet, everything when verbose."""
    logger = logging.getLogger("evalperf")
    logger.setLevel(logging.DEBUG if verbose else logging.ERROR if quiet else logging.WARNING)
    logger.handlers = [_StderrHandler(session)]
    logger.propagate = False


class _StderrHandler(logging.Handler):
    """Writes to what stderr is at the moment, because a live display puts itself in its place."""

    def __init__(self, session: Session) -> None:
        super().__init__()
        self._session = session

    def emit(self, record: logging.LogRecord) -> None:
        try:
            text = self._session.redact(f"{record.levelname.lower()}: {self.format(record)}")
            sys.stderr.write(visible(text) + "\n")
        except Exception:  # noqa: BLE001 - as every handler of the standard library does it
            self.handleError(record)


def _to_stderr(text: str) -> None:
    try:
        from rich.console import Console
    except (ImportError, OSError):  # no descriptor is left to read the library with
        sys.stderr.write(visible(text) + "\n")
        return
    console = Console(stderr=True, markup=False, highlight=False, emoji=False, soft_wrap=True)
    console.print(_styled(visible(text)))


def _styled(text: str) -> Text:
    from rich.text import Text

    styled = Text(text)
    styled.highlight_regex(r"(?m)^(?:\S+: )?error:", "bold red")
    styled.highlight_regex(r"(?m)^  help:", "bold cyan")
    styled.highlight_regex(r"(?m)^ +[│] *\^$", "bold red")
    return styled


def visible(text: str) -> str:
    """The text without anything that a terminal would obey."""
    return "".join(char if char.isprintable() or char == "\n" else f"\\x{ord(char):02x}" for char in text)
