"""Removes each single statement of the store in turn, and says which removals no test notices.

    python -m tests.faults.mutations [--list] [--only FILE] [--line N]     (TMPDIR=/dev/shm makes it quicker)

A mutant is the store with one simple statement of one function replaced by `pass`. pytest collects the quick tests of
tests/results/ once. A fork of it runs them all with a trace of the lines that each executes. Then one fork for each
mutant changes the function in memory and runs the tests that execute the line, the quickest first, until one fails; so
a mutant costs little more than that test. test_kill.py is left out: what it finds it finds by chance. A mutant under
which every test passes has survived. Those in `mutations_equivalent.py` change nothing that anybody can see; any other
survivor is a hole in the tests.
"""

from __future__ import annotations

import argparse
import ast
import gc
import json
import multiprocessing
import os
import resource
import signal
import sys
import tempfile
import threading
from collections import Counter, defaultdict
from collections.abc import Callable, Generator, Iterator, Sequence
from pathlib import Path
from types import CodeType, FrameType, FunctionType
from typing import Any, NamedTuple

import hypothesis
import pytest

from tests.faults.mutations_equivalent import EQUIVALENT

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "evalperf" / "results"
FILES = (
    "append.py",
    "disk.py",
    "done.py",
    "facts.py",
    "frames.py",
    "intake.py",
    "journal.py",
    "lock.py",
    "manifest.py",
    "member.py",
    "parts.py",
    "reader.py",
    "recovery.py",
    "repair.py",
    "store.py",
    "walk.py",
)
MEMORY_BYTES = 4 << 30
STATEMENTS = (
    ast.Expr,
    ast.Assign,
    ast.AnnAssign,
    ast.AugAssign,
    ast.Raise,
    ast.Delete,
    ast.Return,
    ast.Continue,
    ast.Break,
    ast.Assert,
)


class Mutant(NamedTuple):
    """One statement to remove."""

    file: str
    function: str
    """As in `__qualname__`; of nested ones the outermost."""
    line: int
    end: int
    column: int
    source: str
    """Of the file, as it was at the start."""
    name: str
    """File, function and statement; where a function has the statement twice, the number of this one."""


def mutants(file: str, source: str) -> Iterator[Mutant]:
    """Every simple statement inside a function, from top to bottom."""
    seen: Counter[str] = Counter()
    for function, node in _statements(ast.parse(source), "", inside=False):
        name = f"{file}: {function}: {ast.unparse(node)}"
        seen[name] += 1
        number = f" ({seen[name]})" if seen[name] > 1 else ""
        yield Mutant(
            file, function, node.lineno, node.end_lineno or node.lineno, node.col_offset, source, name + number
        )


def _statements(node: ast.AST, function: str, *, inside: bool) -> Iterator[tuple[str, ast.stmt]]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) and not inside:
            qualified = f"{function}.{child.name}".lstrip(".")
            yield from _statements(child, qualified, inside=not isinstance(child, ast.ClassDef))
        elif not isinstance(child, STATEMENTS):
            yield from _statements(child, function, inside=inside)
        elif inside and not (isinstance(child, ast.Expr) and isinstance(child.value, ast.Constant)):
            yield function, child


def without(mutant: Mutant) -> str:
    """The source in which the statement does nothing."""
    lines = mutant.source.split("\n")
    lines[mutant.line - 1 : mutant.end] = [" " * mutant.column + "pass"]
    return "\n".join(lines)


def mutate(mutant: Mutant) -> None:
    """From here on this process has the store without the statement."""
    path = str(PACKAGE / mutant.file)
    module = compile(without(mutant), path, "exec")
    (changed,) = (code for code in _codes(module) if code.co_qualname == mutant.function)
    functions = [thing for thing in gc.get_objects() if isinstance(thing, FunctionType)]
    (function,) = (f for f in functions if (f.__code__.co_filename, f.__code__.co_qualname) == (path, mutant.function))
    function.__code__ = changed


def _codes(code: CodeType) -> Iterator[CodeType]:
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield constant
            yield from _codes(constant)


class Trace:
    """A pytest plugin: which lines of the store each test executes, in all its threads, and how long it takes."""

    def __init__(self) -> None:
        self._files = frozenset(str(PACKAGE / file) for file in FILES)
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


class Mutations:
    """A pytest plugin: instead of running the tests once, runs them against each mutant."""

    def __init__(self, found: list[Mutant], folder: Path) -> None:
        self._found = found
        self._record = folder / "record.json"
        self.survivors: set[str] = set()

    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        if session.testsfailed:
            raise session.Interrupted("the tests can't be collected")
        tests, duration_s = self._trace(session)
        for number, mutant in enumerate(self._found, start=1):
            executing = {
                test for n in range(mutant.line, mutant.end + 1) for test in tests.get(f"{mutant.file}:{n}", ())
            }
            items = sorted((i for i in session.items if i.nodeid in executing), key=lambda i: duration_s[i.nodeid])
            for item in items:
                limit = pytest.mark.timeout(4 + 5 * duration_s[item.nodeid], method="thread")  # that ends the process
                item.add_marker(limit, append=False)
            if _exit_code(lambda: _run(items, mutant), 1800) == 0:  # noqa: B023 - it is over before the next one
                self.survivors.add(mutant.name)
                known = EQUIVALENT.get(mutant.name, f"{len(items)} tests execute it")
                print(f"{number}/{len(self._found)} line {mutant.line}: {mutant.name} ({known})", flush=True)
        return True

    def _trace(self, session: pytest.Session) -> tuple[dict[str, list[str]], dict[str, float]]:
        def work() -> int:
            trace = Trace()
            session.config.pluginmanager.register(trace)
            code = _run(session.items)
            self._record.write_text(json.dumps([trace.tests, trace.duration_s]), encoding="utf-8")
            return code

        if _exit_code(work, 1800) != 0:
            raise session.Interrupted("a test fails without any removal")
        print(f"{len(session.items)} tests pass and are traced", flush=True)
        tests, duration_s = json.loads(self._record.read_text(encoding="utf-8"))
        return tests, duration_s


def _run(items: Sequence[pytest.Item], mutant: Mutant | None = None) -> int:
    """0 if all of these tests pass, otherwise it is over with the first that does not."""
    if mutant is not None:
        mutate(mutant)
    for item, following in zip(items, [*items[1:], None], strict=True):
        item.config.hook.pytest_runtest_protocol(item=item, nextitem=following)
        if item.session.testsfailed:
            return 1
    return 0


def _exit_code(work: Callable[[], int], limit_s: float) -> int | None:
    """Of a forked process that does this; None if it had to be killed."""

    def child() -> None:
        os.setsid()  # what it starts dies with it
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
        null = os.open(os.devnull, os.O_RDWR)
        for fd in (0, 1, 2):
            os.dup2(null, fd)
        code = 1
        try:
            code = work()
        finally:
            os._exit(code)  # whatever threads a mutant has left behind

    process = multiprocessing.get_context("fork").Process(target=child)
    process.start()
    process.join(limit_s)
    code = process.exitcode
    if code is None:
        assert process.pid is not None
        os.killpg(process.pid, signal.SIGKILL)
        process.join()
    return code


def main() -> None:
    """Prints every survivor; exits with 1 if one of them is not known to be equivalent, or one that is was caught."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--list", action="store_true", help="only say what would be removed")
    parser.add_argument("--only", metavar="FILE", choices=FILES)
    parser.add_argument("--line", metavar="N", type=int, help="only the statement that begins there")
    chosen = parser.parse_args()
    files = [chosen.only] if chosen.only else FILES
    found = [m for file in files for m in mutants(file, (PACKAGE / file).read_text(encoding="utf-8"))]
    found = [m for m in found if chosen.line in (None, m.line)]
    if chosen.list:
        print(*(f"{m.line}: {m.name}" for m in found), sep="\n")
        return
    phases = [hypothesis.Phase.explicit, hypothesis.Phase.generate]  # nobody reads a shrunk example
    hypothesis.settings.register_profile("mutations", derandomize=True, database=None, deadline=None, phases=phases)
    hypothesis.settings.load_profile("mutations")
    os.chdir(ROOT)
    with tempfile.TemporaryDirectory() as folder:
        plugin = Mutations(found, Path(folder))
        options = ["-q", "-s", "-n0", "--assert=plain", "-p", "no:cacheprovider", "--basetemp", f"{folder}/tests"]
        code = pytest.main([*options, "tests/results", "--ignore", "tests/results/test_kill.py"], plugins=[plugin])
    holes = plugin.survivors - EQUIVALENT.keys()
    wrong = {m.name for m in found if m.name in EQUIVALENT} - plugin.survivors
    caught = len(found) - len(plugin.survivors)
    print(f"\n{len(found)} removals: {caught} caught, {len(plugin.survivors - holes)} equivalent, {len(holes)} holes")
    for name in sorted(wrong):
        print(f"is caught and yet listed as equivalent: {name}")
    sys.exit(1 if code or holes or wrong else 0)


if __name__ == "__main__":
    main()
