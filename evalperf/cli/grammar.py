"""How commands read their arguments and show their help, where typer's own way does not fit."""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer
from typer.core import TyperCommand, TyperGroup

from evalperf.cli.console import complain, is_broken_pipe, report_crash, session_of
from evalperf.errors import EvalperfError

if TYPE_CHECKING:
    from typer._click import Context, HelpFormatter

__all__ = ["CONFIG_ENDINGS", "Command", "Commands", "RunCommand", "complete_config"]

BROKEN_PIPE_EXIT_CODE = 141
"""What a shell reports of a program whose reader has gone; the result was not delivered, so it is not 0."""

CONFIG_ENDINGS = (".json", ".jsonc", ".yaml", ".yml", ".toml")


class Commands(TyperGroup):
    """All commands; the one place that turns an error into a message and an exit code."""

    def invoke(self, ctx: Context) -> Any:
        """Runs the command; ends with the exit code of the error, if one gets here."""
        try:
            return super().invoke(ctx)
        except (typer.Exit, typer.Abort, typer.TyperException):
            raise
        except Exception as error:
            raise typer.Exit(_exit_code(ctx, error)) from error

    def format_help_text(self, ctx: Context, formatter: HelpFormatter) -> None:  # noqa: ARG002 - the signature is typer's
        """Writes the help, with every paragraph that holds an indented line as it stands."""
        _write_help(self.help or "", formatter)


def _write_help(text: str, formatter: HelpFormatter) -> None:
    paragraphs = inspect.cleandoc(text).replace("\\b\n", "").split("\n\n")
    kept = ("\b\n" + part if "\n  " in part else part for part in paragraphs)
    formatter.write_paragraph()
    with formatter.indentation():
        formatter.write_text("\n\n".join(kept))


def _exit_code(ctx: Context, error: Exception) -> int:
    session = session_of(ctx)
    causes = list(_leaves(error))
    told = [cause for cause in causes if isinstance(cause, EvalperfError)]
    if len(told) == len(causes):
        for cause in told:
            complain(cause, session)
        return told[0].exit_code
    if all(is_broken_pipe(cause) for cause in causes):
        return BROKEN_PIPE_EXIT_CODE
    report_crash(error, session)
    return EvalperfError.exit_code  # 3: a bug of ours is a run that could not finish


def _leaves(error: Exception) -> Iterator[Exception]:
    """The errors in a group of errors; an error alone is its own group."""
    if not isinstance(error, ExceptionGroup):
        yield error
        return
    for inner in error.exceptions:
        yield from _leaves(inner)


class Command(TyperCommand):
    """A command whose help keeps the lines of its examples and groups its options under headings."""

    def format_help_text(self, ctx: Context, formatter: HelpFormatter) -> None:  # noqa: ARG002 - the signature is typer's
        """Writes the help, with every paragraph that holds an indented line as it stands."""
        _write_help(self.help or "", formatter)

    def format_options(self, ctx: Context, formatter: HelpFormatter) -> None:
        """Writes one section a heading, in the order of the options; arguments come first."""
        sections: dict[str, list[tuple[str, str]]] = {}
        for parameter in self.get_params(ctx):
            record = parameter.get_help_record(ctx)
            if record is not None:
                usual = "Arguments" if parameter.param_type_name == "argument" else "Options"
                sections.setdefault(getattr(parameter, "rich_help_panel", None) or usual, []).append(record)
        for heading, records in sections.items():
            with formatter.section(heading):
                formatter.write_dl(records)


class RunCommand(Command):
    """`run`, whose `--resume` may stand alone or name a run."""

    def parse_args(self, ctx: Context, args: list[str]) -> list[str]:
        """Reads the arguments; a `--resume` that no run follows has the empty value: the latest unfinished one."""
        return super().parse_args(ctx, list(_with_resume_value(args)))


def _with_resume_value(args: list[str]) -> Iterable[str]:
    for index, argument in enumerate(args):
        following = args[index + 1] if index + 1 < len(args) else "-"
        if argument == "--":
            yield from args[index:]
            return
        alone = following.startswith("-") or following.lower().endswith(CONFIG_ENDINGS)
        yield "--resume=" if argument == "--resume" and alone else argument


def complete_config(incomplete: str) -> list[str]:
    """What a shell offers for a configuration: files with a known ending, and folders on the way to them."""
    folder, _, start = incomplete.rpartition("/")
    found = Path(folder or ("/" if incomplete.startswith("/") else ".")).glob(f"{_literal(start)}*")
    prefix = f"{folder}/" if "/" in incomplete else ""
    return sorted(
        prefix + path.name + ("/" if path.is_dir() else "")
        for path in found
        if path.is_dir() or path.suffix.lower() in CONFIG_ENDINGS
    )


def _literal(text: str) -> str:
    return "".join(f"[{char}]" if char in "*?[" else char for char in text)
