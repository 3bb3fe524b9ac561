"""The `sql` scorer: whether two statements are the same, however they are written."""

from __future__ import annotations

from functools import partial
from importlib import import_module
from importlib.util import find_spec
from typing import Any, Final

from evalperf.config.scorers import SqlScorer
from evalperf.errors import ConfigError
from evalperf.records import Score
from evalperf.scorers.base import RIGHT, Scorer, Targets, TextJudge, verdict
from evalperf.scorers.fences import unfenced
from evalperf.scorers.offloading import OffloadedScorer
from evalperf.scorers.resources import Resources

__all__ = ["sql", "sql_judge"]

_MOST_SHOWN: Final = 200


class _UnreadError(ValueError):
    """The text is not SQL; the message says why."""


def sql(config: SqlScorer, resources: Resources) -> Scorer:
    """Equal as syntax trees: sqlglot reads both in the dialect, and brings both to one form.

    The case of keywords and of names without quotes, quotes that change nothing, white space, comments, brackets that
    change nothing, a semicolon at the end, INNER, ASC and AS do not count; the order of columns, tables and conditions
    does, and so do literals. With `simplify` sqlglot's `simplify` goes over both: `a AND b` then equals `b AND a`, and
    `NOT x > 1` equals `x <= 1`. Two statements that bring the same rows in other words are not equal.

    An answer that is no SQL is wrong; where no target is SQL there is no value. sqlglot can't be interrupted, so it
    runs in a process. Raises ConfigError where it is not installed, or does not know the dialect.
    """
    if find_spec("sqlglot") is None:
        raise ConfigError("SQL is read by sqlglot", hint='pip install "evalperf[sql]"')
    if config.dialect is not None:
        _check_dialect(config.dialect)
    return OffloadedScorer(config, "sql", partial(sql_judge, config), resources, inline=False)


def sql_judge(config: SqlScorer) -> TextJudge:
    """The verdict of a configuration; loads sqlglot."""
    read = _Reader(config).read

    def judge(answer: str, targets: Targets) -> Score:
        wanted, fault = [], ""
        for target in targets:
            try:
                wanted.append(read(target))
            except _UnreadError as error:
                fault = str(error)
            except RecursionError:
                fault = "it is nested too deeply"
        if not wanted:
            return Score(value=None, reason=f"the target can't be read: {fault}")
        try:
            found = read(unfenced(answer, config.fences))
        except _UnreadError as error:
            return verdict(False, reason=f"not SQL: {error}")
        except RecursionError:
            return Score(value=None, reason="the answer is nested too deeply to be read")
        if found in wanted:
            return RIGHT
        return verdict(False, reason=f"reads as {_shown(found)}, expected {_shown(wanted[0])}")

    return judge


class _Reader:
    """Reads statements in one dialect, each brought to one form."""

    def __init__(self, config: SqlScorer) -> None:
        self._dialect = config.dialect
        self._sqlglot: Any = import_module("sqlglot")
        self._normalize: Any = import_module("sqlglot.optimizer.normalize_identifiers").normalize_identifiers
        self._simplify: Any = import_module("sqlglot.optimizer.simplify").simplify if config.simplify else None

    def read(self, text: str) -> list[Any]:
        """The statements of a text; raises _UnreadError, and RecursionError where they are nested too deeply."""
        try:
            parsed = self._sqlglot.parse(text, read=self._dialect)
            statements = [self._in_one_form(statement) for statement in parsed if statement is not None]
        except self._sqlglot.errors.SqlglotError as error:
            raise _UnreadError(_first_line(error)) from error
        if not statements:
            raise _UnreadError("it holds no statement")
        if any(isinstance(statement, self._sqlglot.exp.Command) for statement in statements):
            raise _UnreadError("it is no statement that sqlglot takes apart")
        return statements

    def _in_one_form(self, statement: Any) -> Any:
        exp = self._sqlglot.exp
        one: Any = self._normalize(statement, dialect=self._dialect)
        one = one.transform(lambda node: node.unnest() if isinstance(node, exp.Paren) else node)
        for node in one.walk():
            if isinstance(node, exp.Identifier):
                node.set("quoted", False)  # what the quotes meant, the name says by now
            elif isinstance(node, exp.Join) and node.args.get("kind") == "INNER":
                node.set("kind", None)
        return one if self._simplify is None else self._simplify(one, dialect=self._dialect)


def _check_dialect(name: str) -> None:
    sqlglot = import_module("sqlglot")
    try:
        sqlglot.Dialect.get_or_raise(name)
    except ValueError as error:
        raise ConfigError(f"sqlglot: {error}") from error


def _first_line(error: Exception) -> str:
    return str(error).partition("\n")[0].strip()[:_MOST_SHOWN]


def _shown(statements: list[Any]) -> str:
    text = "; ".join(str(statement.sql()) for statement in statements)
    return text if len(text) <= _MOST_SHOWN else text[: _MOST_SHOWN - 1] + "…"
