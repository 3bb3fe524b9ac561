"""Worked examples that go before the question."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from evalperf.cases.parse import CaseParser
from evalperf.cases.rejected import BadRecordError
from evalperf.cases.templates import PromptError
from evalperf.config.model import FewShotConfig
from evalperf.errors import InputError
from evalperf.lines import Lines, iter_blocks
from evalperf.records import Case, Message

__all__ = ["read_examples"]

MAX_LINE_BYTES = 1024 * 1024


def read_examples(
    config: FewShotConfig,
    base_dir: Path,
    fields: Mapping[Any, str],
    ask: Callable[[Case], tuple[Message, ...]],
) -> tuple[Message, ...]:
    """For each example what `ask` makes of it, and its target as the answer; raises InputError for a line that is none.

    Small and read once, before the run, so it is read at once.
    """
    path = base_dir / config.path
    messages: list[Message] = []
    found = 0
    for case, line in _examples(path, fields):
        if config.count is not None and found >= config.count:
            break
        if case.target is None:
            raise InputError(
                path, "the example has no target", line=line, hint="its target is the answer that is shown"
            )
        try:
            messages.extend(ask(case))
        except PromptError as error:
            raise InputError(path, f"the example does not fit: {error}", line=line) from error
        answer = case.target if isinstance(case.target, str) else case.target[0]
        messages.append({"role": "assistant", "content": answer})
        found += 1
    if found < (config.count or 1):
        raise InputError(path, f"holds {found} examples, {config.count or 'at least 1'} are expected")
    return tuple(messages)


def _examples(path: Path, fields: Mapping[Any, str]) -> list[tuple[Case, int]]:
    parser = CaseParser(fields)
    examples: list[tuple[Case, int]] = []
    for block in iter_blocks(path, max_line_bytes=MAX_LINE_BYTES):
        if not isinstance(block, Lines):
            raise InputError(path, f"the line is {block.size_bytes:,} bytes long", line=block.line)
        for line, raw in enumerate(block.items, start=block.first_line):
            try:
                case = parser.parse(raw, line) if raw.strip() else None
            except BadRecordError as error:
                raise InputError(path, error.reason, line=line, column=error.column, hint=error.hint) from error
            if case is not None:
                examples.append((case, line))
    return examples
