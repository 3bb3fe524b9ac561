"""Which test executes which line: what `mutations.py` chooses the tests for a change by."""

from __future__ import annotations

import sys
import threading
from collections import defaultdict
from collections.abc import Generator, Iterable
from pathlib import Path
from types import CodeType, FrameType
from typing import Any

import pytest


class LineTrace:
    """A pytest plugin: which lines of these files each test executes, in all its threads, and how long it takes."""

    def __init__(self, files: Iterable[str]) -> None:
        self._files = frozenset(files)
        self._entered: dict[int, tuple[CodeType, set[int]]] = {}
        """The code that the running test has entered, by identity, with the lines that it has not executed yet."""
        self.tests: dict[str, list[str]] = defaultdict(list)
        """By "file:line"."""
        self.duration_s: dict[str, float] = defaultdict(float)

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Generator[None, Any, Any]:
        self._entered = {}
        threading.settrace(self._enter)
        sys.settrace(self._enter)
        try:
            return (yield)
        finally:
            sys.settrace(None)
            for code, missing in self._entered.values():
                for line in _lines(code) - missing:
                    self.tests[f"{Path(code.co_filename).name}:{line}"].append(item.nodeid)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        self.duration_s[report.nodeid] += report.duration

    def _enter(self, frame: FrameType, event: str, argument: object) -> Any:
        code = frame.f_code
        if code.co_filename not in self._files:
            return None
        if id(code) not in self._entered:
            self._entered[id(code)] = code, _lines(code)
        return self._step if self._entered[id(code)][1] else None

    def _step(self, frame: FrameType, event: str, argument: object) -> Any:
        if event == "line":
            self._entered[id(frame.f_code)][1].discard(frame.f_lineno)
        return self._step


def _lines(code: CodeType) -> set[int]:
    """Those with something to execute; entering a function of several lines is no line of it."""
    lines = {line for _, _, line in code.co_lines() if line is not None}
    return lines - {code.co_firstlineno} or lines
