"""The faults of a configuration as text: all at once, each with its place, its line and what to do."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

from evalperf.config.source import KeyPath, Place, Source, SyntaxFault, dotted
from evalperf.errors import ConfigError

__all__ = ["InvalidConfigError", "Problem", "did_you_mean", "render", "shown", "syntax_problem"]

_WINDOW = 100
"""Columns of a source line that are shown; a longer line is cut around the caret."""

_MAX_SHOWN = 60
"""Characters of a value that a message repeats."""

_MAX_LINE = 800
"""Characters of one message: it may quote keys, file names and words of the user's, however long."""

_MAX_WORD = 100
"""Characters of a word that may be a misspelt one."""

MAX_LISTED = 20
"""Faults that are told at once."""

Redact = Callable[[str], str]


class InvalidConfigError(ConfigError):
    """Everything that is wrong with a configuration; each paragraph of the message says `error` itself."""


@dataclass(frozen=True, kw_only=True)
class Problem:
    """One fault: where in the tree, what was found, what was expected."""

    path: KeyPath
    message: str
    hint: str | None = None
    at_key: bool = False
    """Point at the key, not at the value."""


def shown(value: Any) -> str:
    """A value as a message names it."""
    if isinstance(value, dict):
        return "an object"
    if isinstance(value, list):
        return "a list"
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    text = str(value)
    text = text if len(text) <= _MAX_SHOWN else text[: _MAX_SHOWN - 1] + "…"
    return f'"{text}"' if isinstance(value, str) else text


def did_you_mean(word: str, known: Sequence[str]) -> str | None:
    """A hint that names the known word closest to what was written, if one is close."""
    if len(word) > _MAX_WORD:
        return None
    by_fold = {name.lower().replace("-", "_"): name for name in known}
    close = get_close_matches(word.lower().replace("-", "_"), list(by_fold), 1, cutoff=0.6)
    return f'did you mean "{by_fold[close[0]]}"?' if close else None


def render(problems: Sequence[Problem], source: Source, flags: Mapping[KeyPath, str], redact: Redact) -> str:
    """One paragraph a problem, in the order of the file; those that flags have brought come last, in theirs.

    Of very many the first ones, and how many more there are.
    """
    in_file: list[tuple[Place, Problem]] = []
    from_flags: list[tuple[int, Problem]] = []
    order = list(flags.values())
    for problem in problems:
        flag = _flag_of(problem.path, source, flags) if flags else None
        if flag is not None:
            from_flags.append((order.index(flag), problem))
        else:
            place = source.key_place(problem.path) if problem.at_key else source.value_place(problem.path)
            in_file.append((place, problem))
    in_file.sort(key=lambda item: item[0])
    from_flags.sort(key=lambda item: item[0])
    told = [
        _paragraph(f"{source.name}:{place[0]}:{place[1]}", problem, _excerpt(source, place, redact), redact)
        for place, problem in in_file[:MAX_LISTED]
    ]
    told += [_paragraph(order[at], problem, (), redact) for at, problem in from_flags[:MAX_LISTED]]
    more = len(problems) - len(told)
    return "\n\n".join([*told, f"error: and {more:,} more"] if more else told)


def syntax_problem(fault: SyntaxFault, source: Source, redact: Redact) -> str:
    """The one paragraph of a text that can't be read."""
    place = source.place(fault.offset)
    problem = Problem(path=(), message=fault.message, hint=fault.hint)
    return _paragraph(f"{source.name}:{place[0]}:{place[1]}", problem, _excerpt(source, place, redact), redact)


def _flag_of(path: KeyPath, source: Source, flags: Mapping[KeyPath, str]) -> str | None:
    """The flag that has brought the value, or the section that it stands in; the last one wins."""
    for end in range(len(path), 0, -1):
        if path[:end] in flags:
            return flags[path[:end]]
    for end in range(len(path), 0, -1):
        section = path[:end]
        if section in source.values:
            return None
        for written, flag in flags.items():
            if written[:end] == section:
                return flag
    return None


def _paragraph(where: str, problem: Problem, excerpt: Sequence[str], redact: Redact) -> str:
    key = f"{dotted(problem.path)}: "
    if not problem.path or where.endswith(f" {key[:-2]}"):  # as in --set KEY
        key = ""
    lines = [_shortened(redact(f"{where}: error: {key}{problem.message}")), *excerpt]
    if problem.hint is not None:
        lines.append(_shortened(redact(f"  help: {problem.hint}")))
    return "\n".join(lines)


def _shortened(text: str) -> str:
    """Without its middle, if it is too long: the place stands at its beginning, what was expected at its end."""
    half = _MAX_LINE // 2
    return text if len(text) <= _MAX_LINE else f"{text[:half]}…{text[-half:]}"


def _excerpt(source: Source, place: Place, redact: Redact) -> list[str]:
    line, column = place
    text = source.line(line)
    left = redact(text[: column - 1])
    right = redact(text)[len(left) :]
    before, after = _displayed(left[-_WINDOW - 1 :]), _displayed(right[: _WINDOW + 1])
    if len(before) + len(after) > _WINDOW:
        before = before if len(before) < _WINDOW // 2 else "…" + before[-_WINDOW // 2 :]
        after = after if len(after) < _WINDOW // 2 else after[: _WINDOW // 2] + "…"
    gutter = f"{line:>5}"
    caret = " " * sum(_columns(char) for char in before)
    return [f"{gutter} │ {before}{after}".rstrip(), f"{' ' * len(gutter)} │ {caret}^"]


def _displayed(text: str) -> str:
    """The text as it can stand on a terminal: tabs as spaces, control characters as what they are called."""
    text = text.replace("\t", "    ")
    return "".join(char if char.isprintable() else f"\\x{ord(char):02x}" for char in text)


def _columns(char: str) -> int:
    if unicodedata.combining(char):
        return 0
    return 2 if unicodedata.east_asian_width(char) in "WF" else 1
