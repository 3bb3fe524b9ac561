"""What is said on stderr: errors, crashes, the log; never a secret, never a control character."""

from __future__ import annotations

import io
import logging
import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner, Result

from evalperf.cli.console import Session, session_of, start_logging
from evalperf.cli.grammar import Command, Commands
from evalperf.config import Redactor
from evalperf.config.problems import InvalidConfigError
from evalperf.errors import ConfigError, EvalperfError, StoppedError

SECRET = "sk-planted-7"


def failing(error: Callable[[], BaseException], *arguments: str) -> Result:
    """Runs a command that raises, under the group that all commands are in."""
    app = typer.Typer(cls=Commands, rich_markup_mode=None, pretty_exceptions_enable=False)

    @app.callback()
    def main(ctx: typer.Context, debug: bool = False) -> None:
        session_of(ctx).debug = debug

    @app.command(cls=Command)
    def fail(ctx: typer.Context) -> None:
        session_of(ctx).redact = Redactor([SECRET])
        raise error()

    return CliRunner().invoke(app, [*arguments, "fail"])


@pytest.fixture(autouse=True)
def temporary_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))


@pytest.fixture(autouse=True)
def logger_as_it_was() -> Iterator[None]:
    logger = logging.getLogger("evalperf")
    before = logger.level, logger.handlers, logger.propagate
    yield
    logger.level, logger.handlers, logger.propagate = before


@pytest.mark.parametrize(
    ("error", "exit_code", "message"),
    [
        (lambda: ConfigError("x is wrong", hint="do y"), 2, "error: x is wrong\n  help: do y\n"),
        (lambda: InvalidConfigError("x.json:1:1: error: a"), 2, "x.json:1:1: error: a\n"),
        (lambda: StoppedError("no credit"), 3, "error: no credit\n"),
        (lambda: ExceptionGroup("g", [ExceptionGroup("h", [StoppedError("no")])]), 3, "error: no\n"),
        (lambda: ExceptionGroup("g", [ConfigError("a"), ConfigError("b")]), 2, "error: a\nerror: b\n"),
        (lambda: StoppedError(f"key {SECRET} refused"), 3, "error: key *** refused\n"),
        (lambda: StoppedError("\x1b[31m[red]x[/red]\x07"), 3, "error: \\x1b[31m[red]x[/red]\\x07\n"),
        (lambda: StoppedError("w" * 300), 3, f"error: {'w' * 300}\n"),
    ],
)
def test_an_error_ends_with_its_message_and_its_code(
    error: Callable[[], EvalperfError], exit_code: int, message: str
) -> None:
    result = failing(error)
    assert (result.exit_code, result.stderr, result.stdout) == (exit_code, message, "")


def test_a_bug_of_ours_leaves_a_crash_file_without_secrets() -> None:
    result = failing(lambda: ZeroDivisionError(f"odd {SECRET}"))
    assert result.exit_code == 3
    first, second = result.stderr.splitlines()
    assert first == "error: evalperf itself failed: ZeroDivisionError: odd ***"
    match = re.search(r"the traceback is in (\S+\.txt)", second)
    assert match is not None
    crash = Path(match[1]).read_text()
    assert "in fail" in crash
    assert SECRET not in crash


def test_a_crash_for_which_there_is_no_file_is_shown(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "nowhere"))
    result = failing(lambda: ZeroDivisionError(f"odd {SECRET}"))
    assert result.exit_code == 3
    assert "in fail" in result.stderr
    assert "error: evalperf itself failed: ZeroDivisionError: odd ***\n" in result.stderr
    assert SECRET not in result.stderr


def test_an_error_is_told_where_no_library_can_be_loaded(monkeypatch: pytest.MonkeyPatch) -> None:
    """No file descriptor is left, for example."""
    monkeypatch.setitem(sys.modules, "rich.console", None)
    result = failing(lambda: StoppedError("\x1bno credit"))
    assert (result.exit_code, result.stderr) == (3, "error: \\x1bno credit\n")


def test_with_debug_the_traceback_is_shown() -> None:
    result = failing(lambda: ZeroDivisionError(f"odd {SECRET}"), "--debug")
    assert result.exit_code == 3
    assert result.stderr.startswith("Traceback")
    assert SECRET not in result.stderr


def test_a_group_with_a_bug_in_it_is_a_bug() -> None:
    result = failing(lambda: ExceptionGroup("g", [ConfigError("a"), ZeroDivisionError("b")]))
    assert result.stderr.startswith("error: evalperf itself failed")


@pytest.mark.parametrize(
    ("quiet", "verbose", "shown"),
    [
        (False, False, ["warning: w ***", "error: e"]),
        (True, False, ["error: e"]),
        (False, True, ["debug: d", "warning: w ***", "error: e"]),
    ],
)
def test_the_log_goes_to_stderr(monkeypatch: pytest.MonkeyPatch, quiet: bool, verbose: bool, shown: list[str]) -> None:
    session = Session()
    start_logging(session, quiet=quiet, verbose=verbose)
    session.redact = Redactor([SECRET])
    monkeypatch.setattr(sys, "stderr", io.StringIO())  # as a live display does it
    logger = logging.getLogger("evalperf")
    logger.debug("d")
    logger.warning("w %s", SECRET)
    logger.error("e")
    assert sys.stderr.getvalue().splitlines() == shown  # type: ignore[attr-defined]
